-- name: one :many
SELECT id, emial FROM users WHERE nam = :name;
-- name: two :many
SELECT u.titel FROM users u;
-- name: three :many
SELECT id FROM users WHERE name = "ann";
