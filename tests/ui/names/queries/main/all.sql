-- name: all :many
SELECT id, text FROM notes LIMIT 10;
