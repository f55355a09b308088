-- name: orders :many
SELECT o.id, u.id AS user, missing FROM orders o JOIN users u ON u.id = o.user WHERE o.other = :other;
