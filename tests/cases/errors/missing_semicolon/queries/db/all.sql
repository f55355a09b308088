-- name: one :many
SELECT id FROM users

-- name: two :many
SELECT email FROM users;
