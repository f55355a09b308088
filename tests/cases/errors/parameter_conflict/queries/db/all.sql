-- name: one :many
SELECT id FROM users WHERE email = :x OR age = :x;
-- name: two :many
SELECT id FROM users WHERE email IN (:y) OR email = :y;
-- name: three :exec
UPDATE users SET email = ?2, age = ?2 WHERE id = ?1;
-- name: four :many
SELECT id FROM users WHERE email = :x OR age = :x OR id = :x + 1;
-- name: five :many
SELECT id FROM users WHERE email = :a AND :a = :b AND age = :b;
