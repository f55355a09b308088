-- name: view :many
SELECT version FROM versions;
-- name: joined :many
SELECT id FROM notes LEFT NATURAL JOIN owners;
-- name: deep :one
SELECT ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))) AS one;
