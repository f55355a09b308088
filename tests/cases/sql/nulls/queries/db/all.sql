-- name: narrowed :many
SELECT name, age FROM users WHERE name IS NOT NULL AND age > 3;
-- name: not_narrowed_by_or :many
SELECT name, age FROM users WHERE name IS NOT NULL OR age > 3;
-- name: narrowed_by_both :many
SELECT name FROM users WHERE name = 'a' OR name LIKE 'b%';
-- name: not_null_after_not :many
SELECT name FROM users WHERE NOT (name IS NULL OR age IS NULL);
-- name: not_in_list :many
SELECT name FROM users WHERE name NOT IN (:names);
-- name: fallbacks :one
SELECT coalesce(name, '-') AS a, ifnull(age, 0) AS b, nullif(email, '') AS c, iif(age > 1, name, email) AS d FROM users WHERE id = 1;
-- name: cases :one
SELECT CASE WHEN name IS NOT NULL THEN name ELSE email END AS a,
       CASE WHEN name IS NULL THEN email ELSE name END AS b,
       CASE WHEN age > 1 THEN 1 END AS c,
       CASE admin WHEN TRUE THEN 1.5 ELSE 2 END AS d
FROM users WHERE id = 1;
-- name: comparisons :one
SELECT age > 1 AS a, id = 2 AS b, name IS NULL AS c, age IN (1, 2) AS d, id BETWEEN 1 AND 2 AS e, name LIKE 'x' AS f, NOT admin AS g FROM users WHERE id = 1;
-- name: arithmetic :one
SELECT id + 1 AS a, age * 2 AS b, id / 2 AS c, id / age AS d, id % 0 AS e, score / 2 AS f, id + score AS g, -id AS h, name || email AS i FROM users WHERE id = 1;
-- name: scalar_subqueries :one
SELECT (SELECT title FROM posts WHERE id = 1) AS a, (SELECT count(*) FROM posts) AS b, (SELECT max(id) FROM posts) AS c, EXISTS (SELECT 1 FROM posts) AS d;
-- name: primary_keys :many
SELECT code FROM keyed;

-- name: two_unnamed_parameters :many
SELECT nullif(?, 'a') AS x FROM users WHERE nullif(?, 'a') IS NOT NULL;
-- name: remainders :one
SELECT id % 2 AS a, id % 0.5 AS b, id % 1.5 AS c, id / 0.5 AS d FROM users WHERE id = 1;
-- name: escapes :one
SELECT email LIKE 'a' ESCAPE NULL AS a, email LIKE 'a' ESCAPE name AS b, email LIKE 'a' ESCAPE 'x' AS c FROM users WHERE id = 1;
