-- name: files_of :many
SELECT id, bytes FROM files WHERE user_id = :user;

-- name: total_bytes :one :scalar
SELECT total(bytes) AS bytes FROM files;
