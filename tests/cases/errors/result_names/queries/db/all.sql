-- name: one :many
SELECT *, name AS id FROM users;
-- name: two :many
SELECT u.id, p.id FROM users u JOIN posts p ON p.author = u.id;
-- name: three :many
SELECT id AS "1" FROM users;
-- name: four :many
SELECT id AS "id: Vec<" FROM users;
