-- name: add_upload :exec
-- Adds a file. Adding it twice changes nothing.
INSERT INTO uploads (file, bytes) VALUES (:file, :bytes) ON CONFLICT DO NOTHING;

-- name: totals :one
-- Returns the number of files, and their size in bytes.
SELECT count(*) AS files, coalesce(sum(bytes), 0) AS "bytes: i64" FROM uploads;
