-- name: gap :exec
UPDATE orders SET name = ?3 WHERE id = ?1;
-- name: zero :many
SELECT name FROM orders WHERE id = ?0;
-- name: sharp :many
SELECT name FROM orders WHERE id = #1;
-- name: two_sigils :many
SELECT name FROM orders WHERE id = :id OR name = @id;
-- name: two_spellings :many
SELECT name FROM orders WHERE id = :orderId OR name = :order_id;
-- name: untyped :one
SELECT ?1 AS value;
