-- name: echo :one
SELECT :value AS value;
-- name: same :one
SELECT :left = :right AS same;
-- name: cast :one
SELECT CAST(:value AS TEXT) AS value;
-- name: misspelled_filter :many
SELECT id FROM notes WHERE (:txt IS NULL OR text = :text);
