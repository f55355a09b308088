-- name: items :many
SELECT id, name FROM items;
