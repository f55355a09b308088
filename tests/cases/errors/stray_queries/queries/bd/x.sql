-- name: a :many
SELECT 1 AS a;
