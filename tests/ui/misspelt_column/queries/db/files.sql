-- name: file_by_id :optional
SELECT id, filenmae, note FROM files WHERE id = :id AND user_id = :user_id;
