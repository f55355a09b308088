SELECT 1 AS a;
-- name: one
SELECT 1 AS a;
-- name: Two :many
SELECT 1 AS a;
-- name: three :optinal
SELECT 1 AS a;
-- name: four :many
SELECT 1 AS a; SELECT 2 AS b;
-- name: five :many
-- name: six :many extra
SELECT 1 AS a;
-- name: six :one
SELECT 1 AS a;
-- name: seven :execute
SELECT 1 AS a;
