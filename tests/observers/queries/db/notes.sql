-- name: note :one
SELECT text FROM notes WHERE id = :id;

-- name: add_note :exec
INSERT INTO notes (text) VALUES (:text);
