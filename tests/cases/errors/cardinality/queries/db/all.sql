-- name: one :exec
SELECT id FROM users;
-- name: two :one
DELETE FROM users WHERE id = 1;
-- name: three :exec
DELETE FROM users RETURNING id;
