-- name: add_note :one
-- Adds a note.
INSERT INTO notes (owner, text) VALUES (:owner, :text) RETURNING id;

-- name: notes_of :many
SELECT id, text, done_at FROM notes WHERE owner = :owner ORDER BY id;

-- name: finish :exec
UPDATE notes SET done_at = CURRENT_TIMESTAMP WHERE id = :id AND owner = :owner;

-- name: note_by_id :optional
SELECT id, owner, text, done_at FROM notes WHERE id = :id;
