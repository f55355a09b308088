-- name: names :many
SELECT id, name, email FROM users;
