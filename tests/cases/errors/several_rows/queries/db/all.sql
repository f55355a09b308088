-- name: one :one
SELECT id, text FROM notes WHERE text = :text;
-- name: first :optional
SELECT id, text FROM notes WHERE text = :text ORDER BY id LIMIT 1;
-- name: never :one
SELECT id, text FROM notes LIMIT 0;
-- name: lost :exec
DELETE FROM notes WHERE id = :id RETURNING id;
-- name: member :optional
SELECT code FROM members WHERE org = :org;
-- name: oldest :optional
SELECT code FROM members WHERE org = :org ORDER BY age DESC;
-- name: few :optional
SELECT code FROM members WHERE org = :org LIMIT 5;
-- name: age_member :optional
UPDATE members SET age = age + 1 WHERE org = :org RETURNING code;
-- name: forget :one
DELETE FROM notes WHERE text = :text RETURNING id;
-- name: copy :one
INSERT INTO notes (text) SELECT text FROM notes WHERE id > :id RETURNING id;
-- name: joined :optional
SELECT n.id FROM notes n JOIN members m ON m.age = n.id WHERE m.code = :code;
-- name: compound :optional
SELECT id FROM notes UNION SELECT age FROM members;
