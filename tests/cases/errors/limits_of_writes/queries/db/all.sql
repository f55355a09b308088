-- name: first :exec
DELETE FROM orders WHERE name = :name ORDER BY id LIMIT 1;
-- name: some :exec
UPDATE orders SET name = :name WHERE id > :after LIMIT :most;
-- name: compact :exec
VACUUM;
-- name: empty :exec
INSERT INTO orders DEFAULT VALUES;
