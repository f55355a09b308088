-- name: one :many
SELECT id FROM users WHERE email = :x OR age = :x;
-- name: two :many
SELECT :y AS nothing;
