-- name: one :one
SELECT id, text FROM notes WHERE text = :text;
-- name: first :optional
SELECT id, text FROM notes WHERE text = :text ORDER BY id LIMIT 1;
-- name: never :one
SELECT id, text FROM notes LIMIT 0;
-- name: lost :exec
DELETE FROM notes WHERE id = :id RETURNING id;
