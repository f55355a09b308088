-- name: session :optional
SELECT id, user_id FROM sessions WHERE id = :id;
-- name: add :exec
INSERT INTO sessions (id, user_id) VALUES (:id, :user_id);
-- name: without_id :exec
INSERT INTO sessions (user_id) VALUES (:user_id);
-- name: with_null :exec
INSERT INTO sessions (id, user_id) VALUES (NULL, :user_id);
-- name: keys :many
SELECT s.id, m.team, m.name, k.id AS strict_id FROM sessions s, members m, strict_keys k;
