-- name: one :many
SELECT id FROM a;
