-- name: user :optional
SELECT nam FROM users WHERE id = :id;
