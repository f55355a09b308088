-- name: add :exec
INSERT INTO loose (size) VALUES (x'00');
-- name: add_strict :exec
INSERT INTO strict (size) VALUES (x'00');
