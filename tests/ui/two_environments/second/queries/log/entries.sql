-- name: entry :one
SELECT id, level FROM entries WHERE id = :id;
