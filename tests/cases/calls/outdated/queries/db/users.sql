-- name: user :optional
SELECT name FROM users WHERE id = :id;

-- name: notes_of :many
SELECT text FROM notes WHERE user = :user;

-- name: rename :exec
UPDATE users SET name = :name WHERE id = :id;

-- name: add_user :exec
INSERT INTO users (name) VALUES (:name);

-- name: delete_user :exec
DELETE FROM users WHERE id = :id;

-- name: add_note :one
INSERT INTO notes (user, text) VALUES (:user, :text) RETURNING id;

-- name: visit :exec
INSERT INTO visits DEFAULT VALUES;
