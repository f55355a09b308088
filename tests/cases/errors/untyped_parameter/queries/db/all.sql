-- name: echo :one
SELECT :value AS value;
-- name: same :one
SELECT :left = :right AS same;
-- name: cast :one
SELECT CAST(:value AS TEXT) AS value;
