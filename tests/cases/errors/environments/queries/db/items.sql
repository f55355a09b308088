-- name: items :many
SELECT id, name FROM items WHERE id > :after;

-- name: sold :many
SELECT id FROM items WHERE sold_at IS NOT NULL;

-- name: prices :many
SELECT price FROM items;
