-- name: user :optional
SELECT name FROM users WHERE id = :id;
