-- name: add_file :one
-- Adds a file and returns its row.
INSERT INTO files (user_id, filename, object_key, content_type, size_bytes)
VALUES (:user_id, :filename, :object_key, :content_type, :size_bytes)
RETURNING id, filename, content_type, size_bytes, uploaded_at;

-- name: file_by_id :optional
-- Returns a file if it belongs to the user.
SELECT id, filename, object_key, content_type, size_bytes, uploaded_at,
       processed AS "processed: bool", processed_at
FROM files
WHERE id = :id AND user_id = :user_id;

-- name: files_of_user :many
-- Returns the files of a user, newest first.
SELECT id, filename, content_type, size_bytes, uploaded_at, processed AS "processed: bool"
FROM files
WHERE user_id = :user_id
ORDER BY id DESC
LIMIT :limit;

-- name: delete_file :optional
-- Deletes a file if it belongs to the user, and returns the key of its content.
DELETE FROM files
WHERE id = :id AND user_id = :user_id
RETURNING object_key;

-- name: mark_processed :exec
-- Marks a file as processed. Marking it twice changes nothing.
UPDATE files
SET processed = 1, processed_at = CURRENT_TIMESTAMP
WHERE id = :id AND processed = 0;
