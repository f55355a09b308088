-- name: add_note :one
INSERT INTO notes (text) VALUES (:text) RETURNING id;

-- name: note :optional
SELECT id, text FROM notes WHERE id = :id;
