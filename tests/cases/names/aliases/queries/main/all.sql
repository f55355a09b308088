-- name: all :many
SELECT id, a FROM t;
