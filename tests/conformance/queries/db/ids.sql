-- name: add_id :exec
INSERT INTO ids (id, note) VALUES (:id, :note);

-- name: add_ids :bulk
INSERT INTO ids (id, note) VALUES (:id, :note);

-- name: note_of_id :optional :scalar
SELECT note FROM ids WHERE id = :id;

-- name: notes_of_ids :many :scalar
SELECT note FROM ids WHERE id IN (:ids) ORDER BY id;

-- name: notes_after :many :scalar
SELECT note FROM ids WHERE id > :id ORDER BY id;

-- name: ids :many :scalar
SELECT CAST(id AS TEXT) AS "id: bindery::d1::Int64" FROM ids ORDER BY ids.id;

-- name: inexact_ids :many :scalar
SELECT id FROM ids;
