-- name: one :many
SELECT id FROM users WHERE email = :x OR age = :x;
-- name: two :many
SELECT id FROM users WHERE email IN (:y) OR email = :y;
