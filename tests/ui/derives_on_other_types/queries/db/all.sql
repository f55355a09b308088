-- name: user :optional
SELECT id AS "id: crate::UserId", state AS "state: crate::State", level AS "level: crate::Level<i64>" FROM users WHERE id = :id;

-- name: users :many
SELECT id, state FROM users;
