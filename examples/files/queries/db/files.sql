-- name: add_file :one
-- Adds a file and gives its row.
INSERT INTO files (user_id, filename, object_key, content_type, size_bytes)
VALUES (:user_id, :filename, :object_key, :content_type, :size_bytes)
RETURNING id, filename, content_type, size_bytes, uploaded_at;

-- name: file_by_id :optional
-- One file, if it belongs to this user.
SELECT id, filename, object_key, content_type, size_bytes, uploaded_at,
       processed AS "processed: bool", processed_at
FROM files
WHERE id = :id AND user_id = :user_id;

-- name: files_of_user :many
-- A user's files, the newest first.
SELECT id, filename, content_type, size_bytes, uploaded_at, processed AS "processed: bool"
FROM files
WHERE user_id = :user_id
ORDER BY id DESC
LIMIT :limit;

-- name: delete_file :optional
-- Deletes a file, if it belongs to this user, and says where its content is.
DELETE FROM files
WHERE id = :id AND user_id = :user_id
RETURNING object_key;

-- name: mark_processed :exec
-- Notes that the queue's consumer has seen the file. Marking it twice changes nothing.
UPDATE files
SET processed = 1, processed_at = CURRENT_TIMESTAMP
WHERE id = :id AND processed = 0;
