-- name: note :optional NoteRow
SELECT id, text FROM notes WHERE id = :id;
-- name: notes :many NoteRow
SELECT id, owner FROM notes;
-- name: ids :many NoteRow
SELECT id FROM notes;
-- name: kinds :many
SELECT id, kind FROM kinds;
-- name: of_kind :many KindsKind
SELECT id FROM kinds;
