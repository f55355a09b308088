-- name: all_users :many
SELECT * FROM users;
-- name: all_keyed :many
SELECT *, rowid FROM keyed;
-- name: all_tags :many
SELECT t.* FROM tags AS t;
-- name: view :many
SELECT * FROM authors;
-- name: renamed :one
SELECT id AS "id!", name AS "name!", age AS "age?: u32", admin AS "is_admin: crate::Admin" FROM users WHERE id = :id;
-- name: schema :many
SELECT name FROM sqlite_master;

-- name: stamped :many
SELECT * FROM stamped;
-- name: stamp :exec
INSERT INTO stamped (at, seconds, meta) VALUES (:at, :seconds, :meta);
-- name: seconds :one
SELECT unixepoch() AS a, unixepoch('subsec') AS b, unixepoch('now', 'Subsecond') AS c, unixepoch('now', '-1 day') AS d,
       unixepoch('now', :modifier) AS e, unixepoch(at) AS f FROM stamped WHERE id = 1;
-- name: ported :many
SELECT * FROM ported;
