-- name: one :many
SELECT id FORM users;
-- name: two :many
SELECT id FROM users WHERE;
-- name: three :exec
CREATE TEMP TABLE x (y);
-- name: four :many
SELECT sqlite_version() AS v;
-- name: five :many
SELECT a.id FROM users a UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5;
