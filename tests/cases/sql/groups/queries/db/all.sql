-- name: ungrouped :one
SELECT count(*) AS n, sum(likes) AS s, avg(likes) AS a, min(title) AS lo, total(likes) AS t, group_concat(title) AS g, title FROM posts;
-- name: grouped :many
SELECT author, count(*) AS n, sum(likes) AS s, avg(likes) AS a, max(body) AS b FROM posts GROUP BY author HAVING count(*) > 1;
-- name: filtered :many
SELECT author, sum(likes) FILTER (WHERE likes > 3) AS s FROM posts GROUP BY author;
-- name: windows :many
SELECT title, row_number() OVER (ORDER BY id) AS r, sum(likes) OVER w AS s, lag(title) OVER w AS before FROM posts WINDOW w AS (PARTITION BY author ORDER BY id);
-- name: ctes :many
WITH best AS (SELECT author, max(likes) AS likes FROM posts GROUP BY author) SELECT u.email, best.likes FROM users u LEFT JOIN best ON best.author = u.id;
-- name: recursive :many
WITH RECURSIVE n (i, text) AS (SELECT 1, NULL UNION ALL SELECT i + 1, 'x' FROM n WHERE i < :most) SELECT i, text FROM n;
-- name: compound :many
SELECT id, name FROM users UNION SELECT id, title FROM posts ORDER BY 1 LIMIT 5;
-- name: literals :many
VALUES (1, 'a', NULL), (2.5, 'b', x'00');
-- name: json :many
SELECT j.value, j.key, j.type FROM posts, json_each(posts.body) AS j;
-- name: order_by_alias :many
SELECT length(title) AS bytes FROM posts GROUP BY bytes ORDER BY bytes DESC;
