-- name: add_note :one
INSERT INTO notes (text) VALUES (:text) RETURNING id;

-- name: notes :many
SELECT id, text FROM notes ORDER BY id;
