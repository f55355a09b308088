-- name: add_message :exec
INSERT INTO messages (author, body, picture) VALUES (:author, :body, :picture);

-- name: messages :many
SELECT id, author, body, picture, likes FROM messages ORDER BY id;

-- name: count_messages :one
SELECT count(*) AS count FROM messages;

-- name: like :exec
UPDATE messages SET likes = likes + 1 WHERE author = :author;

-- name: see :exec
INSERT INTO seen (author, message) VALUES (:author, :message);
