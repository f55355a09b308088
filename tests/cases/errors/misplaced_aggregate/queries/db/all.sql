-- name: one :one
VALUES (count(*));

-- name: two :many
SELECT 1 AS a LIMIT count(*);

-- name: three :exec
INSERT INTO notes (id, size) VALUES (max(1), 1);
