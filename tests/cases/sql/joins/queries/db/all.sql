-- name: inner_join :many
SELECT u.email, p.title, p.body FROM users u JOIN posts p ON p.author = u.id;
-- name: left_join :many
SELECT u.email, p.title FROM users u LEFT JOIN posts p ON p.author = u.id;
-- name: left_made_inner :many
SELECT u.email, p.title, p.body FROM users u LEFT JOIN posts p ON p.author = u.id WHERE p.likes > 3;
-- name: right_join :many
SELECT u.email, p.title FROM users u RIGHT JOIN posts p ON p.author = u.id;
-- name: full_join :many
SELECT u.email, p.title FROM users u FULL JOIN posts p ON p.author = u.id;
-- name: left_then_inner :many
SELECT u.email, p.title, t.tag FROM users u LEFT JOIN posts p ON p.author = u.id JOIN tags t ON t.post = p.id;
-- name: using_left :many
SELECT id, email, title FROM users LEFT JOIN posts USING (id);
-- name: using_full :many
SELECT id FROM users FULL JOIN posts USING (id);
-- name: natural :many
SELECT * FROM users NATURAL JOIN posts;
-- name: eight_left_joins :many
SELECT a.title AS a, b.title AS b, c.title AS c, d.title AS d, e.title AS e, f.title AS f, g.title AS g, h.title AS h
FROM users u LEFT JOIN posts a ON a.id = u.id LEFT JOIN posts b ON b.id = a.id LEFT JOIN posts c ON c.id = b.id
LEFT JOIN posts d ON d.id = c.id LEFT JOIN posts e ON e.id = d.id LEFT JOIN posts f ON f.id = e.id
LEFT JOIN posts g ON g.id = f.id LEFT JOIN posts h ON h.id = g.id;
-- name: grouped_right :many
SELECT u.email, p.title, t.tag FROM users u LEFT JOIN (posts p JOIN tags t ON t.post = p.id) ON p.author = u.id;
-- name: right_then_inner_using :many
SELECT u.email, p.title, p2.body, id FROM users u RIGHT JOIN posts p USING (id) JOIN posts p2 USING (id);
-- name: full_then_inner_using :many
SELECT u.email, p.title, p2.title AS second, id FROM users u FULL JOIN posts p USING (id) JOIN posts p2 USING (id);
-- name: full_then_natural :many
SELECT c.code, k.price, any FROM keyed c NATURAL FULL JOIN keyed k NATURAL JOIN (SELECT 1 AS any) a;
-- name: left_then_right_using :many
SELECT u.email, p.title, p2.title AS third, id FROM users u LEFT JOIN posts p USING (id) RIGHT JOIN posts p2 USING (id);
