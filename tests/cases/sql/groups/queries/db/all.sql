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
-- name: except_reals :many
SELECT n, n / 2 AS half FROM (SELECT id % 7 AS n FROM users EXCEPT SELECT score FROM users);
-- name: literals :many
VALUES (1, 'a', NULL), (2.5, 'b', x'00');
-- name: json :many
SELECT j.value, j.key, j.type FROM posts, json_each(posts.body) AS j;
-- name: order_by_alias :many
SELECT length(title) AS bytes FROM posts GROUP BY bytes ORDER BY bytes DESC;
-- name: functions :many
SELECT substr(title, 1, 3) AS a, substr(body, 2) AS b, upper(title) AS c, round(likes / 2.0, 1) AS d, abs(likes) AS e,
       lag(title, 1, 0) OVER (ORDER BY id) AS f, unixepoch('now') AS g, datetime(body) AS h, json_extract(body, '$.a') AS i,
       body ->> '$.a' AS j, json_object('t', title) AS k, max(likes, id) AS l, typeof(body) AS m, hex(body) AS n, sign(likes) AS o,
       instr(title, body) AS p, likes << 1 AS q, ~likes AS r, format('%d', likes) AS s, unicode(title) AS t
FROM posts;
-- name: aggregate_of_a_simplified_argument :many
SELECT u.id, EXISTS (SELECT 1 FROM posts p GROUP BY p.author HAVING count(p.title IN ())) AS any FROM users u;
-- name: aggregate_of_a_simplified_and :many
SELECT u.id, (SELECT count(p.id AND 0) FROM posts p) AS n, (SELECT max(p.id AND p.likes) FROM posts p) AS kept FROM users u;
-- name: aggregate_of_an_outer_and_a_simplified_argument :many
SELECT u.id, EXISTS (SELECT 1 FROM posts p GROUP BY p.author HAVING json_group_object(u.email, p.title IN ())) AS any FROM users u;
-- name: removed_aggregate :many
SELECT u.id, ((count(u.age) COLLATE NOCASE) NOT IN ()) AS any FROM users u;
-- name: removed_aggregate_and :many
SELECT u.id, (0 AND (count(u.age) COLLATE NOCASE)) AS none FROM users u;
