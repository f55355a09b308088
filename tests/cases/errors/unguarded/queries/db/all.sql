-- name: clear :exec
DELETE FROM notes;
-- name: give :exec
UPDATE notes SET owner = :owner;
-- name: clear_meant :exec
DELETE FROM notes WHERE true;
