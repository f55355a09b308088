-- name: notes :many
SELECT id, text FROM notes;
