-- name: note :optional
SELECT owner, text, weight FROM notes WHERE id = :id;

-- name: notes_of :many
SELECT id, text FROM notes WHERE owner = :owner ORDER BY id LIMIT 100;

-- name: add_note :one
INSERT INTO notes (owner, text) VALUES (:owner, :text) RETURNING id;

-- name: rename :exec
UPDATE notes SET owner = :owner WHERE id = :id;

-- name: made :optional :scalar
SELECT created_at FROM notes WHERE id = :id;
