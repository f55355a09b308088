-- name: one :many
SELECT id FROM usres WHERE email = :email;
-- name: two :many
SELECT x.id FROM users u;
