-- name: item :optional
SELECT id, owner, name, kind, size, rating, note, made_at FROM items WHERE id = :id;

-- name: items :many
SELECT id, owner, name, kind, size, rating, note, made_at FROM items ORDER BY id LIMIT :count;

-- name: blob :optional
SELECT body FROM blobs WHERE id = :id;
