-- name: note :one
SELECT id, text FROM notes WHERE id = :id;
