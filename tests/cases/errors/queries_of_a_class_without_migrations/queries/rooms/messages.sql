-- name: messages :many
SELECT id FROM messages;
