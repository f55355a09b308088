-- name: of :many
SELECT id, text FROM notes WHERE owner = :owner;
-- name: every :many
SELECT id, text FROM notes;
-- name: like :many
SELECT id FROM notes WHERE text = :text;
