-- name: file_by_id :optional
SELECT id, filename, note FROM files WHERE id = :id AND user_id = :user_id;
