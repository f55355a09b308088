-- name: one :many
SELECT id FROM users, posts;
