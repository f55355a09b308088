-- name: note :optional NoteRow
SELECT id, text FROM notes WHERE id = :id;
-- name: notes :many NoteRow
SELECT id, owner FROM notes;
-- name: ids :many NoteRow
SELECT id FROM notes;
-- name: kinds :many
SELECT id, kind FROM kinds;
-- name: of_kind :many KindsKind
SELECT id FROM kinds;
-- name: person :optional Person
SELECT id, name, born FROM people WHERE id = :id;
-- name: born :many Person
SELECT id, name, born FROM people WHERE born IS NOT NULL;
-- name: perhaps :many Person
SELECT p.id, p.name, p.born FROM notes n LEFT JOIN people p ON p.id = n.id;
-- name: typed :optional Typed
SELECT id AS "id: i64", "day ""x""" FROM people WHERE id = :id;
-- name: typed_perhaps :many Typed
SELECT p.id AS "id: i64", 'a' AS "day ""x""" FROM notes n LEFT JOIN people p ON p.id = n.id;
-- name: listed :many Listed
SELECT json_object('id', id) AS object FROM people;
-- name: listed_otherwise :many :params Listed
SELECT json_object('id', id, 'name', name) AS object FROM people WHERE id > :id;
