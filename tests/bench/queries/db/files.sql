-- name: file_by_id :optional
SELECT id, user_id, filename, content_type, size_bytes, rating, note, uploaded_at FROM files WHERE id = :id;

-- name: all_files :many
SELECT id, user_id, filename, content_type, size_bytes, rating, note, uploaded_at FROM files ORDER BY id LIMIT :limit;
