-- name: begin_upload :one
-- Adds a file whose content is not stored yet, and returns its id.
INSERT INTO files (user_id, filename, object_key, content_type)
VALUES (:user_id, :filename, :object_key, :content_type)
RETURNING id;

-- name: finish_upload :optional
-- Makes a file visible after its content is stored, unless the sweep has given it up.
UPDATE files
SET state = 'stored', size_bytes = :size_bytes
WHERE id = :id AND state = 'pending'
RETURNING id, filename, content_type, size_bytes, uploaded_at;

-- name: file_by_id :optional
-- Returns a file if it belongs to the user.
SELECT id, filename, content_type, size_bytes, uploaded_at,
       processed AS "processed: bool", processed_at
FROM files
WHERE id = :id AND user_id = :user_id AND state = 'stored';

-- name: content_of_file :optional
-- Returns what a download needs if the file belongs to the user.
SELECT filename, object_key, content_type
FROM files
WHERE id = :id AND user_id = :user_id AND state = 'stored';

-- name: files_of_user :many
-- Returns the files of a user, newest first.
SELECT id, filename, content_type, size_bytes, uploaded_at, processed AS "processed: bool",
       id IN (SELECT file_id FROM failed_jobs) AS "failed: bool"
FROM files
WHERE user_id = :user_id AND state = 'stored'
ORDER BY id DESC
LIMIT :limit;

-- name: mark_processed :exec
-- Marks a file as processed. Marking it twice changes nothing.
UPDATE files
SET processed = 1, processed_at = CURRENT_TIMESTAMP
WHERE id = :id AND processed = 0;

-- name: add_failed_job :exec
-- Notes that the processing of a file failed on every attempt, unless the file was deleted.
INSERT INTO failed_jobs (file_id)
SELECT id FROM files WHERE id = :id AND user_id = :user_id AND state = 'stored'
ON CONFLICT DO NOTHING;

-- name: failed_job :optional :scalar
-- Returns when the processing of a file failed, if the file belongs to the user.
SELECT failed_at
FROM failed_jobs
JOIN files ON files.id = failed_jobs.file_id
WHERE file_id = :id AND user_id = :user_id AND state = 'stored';

-- name: forget_failed_job :exec
-- Removes the note about a file.
DELETE FROM failed_jobs
WHERE file_id = :id;

-- name: delete_file :exec
-- Hides a file if it belongs to the user. The sweep deletes its content and its row.
UPDATE files
SET state = 'deleted'
WHERE id = :id AND user_id = :user_id AND state = 'stored';

-- name: give_up_uploads :exec
-- Marks the uploads that did not finish within an hour for the sweep.
UPDATE files
SET state = 'deleted'
WHERE state = 'pending' AND uploaded_at < datetime('now', '-1 hour');

-- name: deleted_files :many
-- Returns files to sweep.
SELECT id, user_id, object_key
FROM files
WHERE state = 'deleted'
LIMIT :limit;

-- name: forget_files :exec
-- Deletes the rows of files without content.
DELETE FROM files
WHERE id IN (:ids) AND state = 'deleted';
