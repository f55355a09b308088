-- name: add :exec
INSERT INTO loose (size) VALUES (x'00');
-- name: add_strict :exec
INSERT INTO strict (size) VALUES (x'00');
-- name: fraction :exec
UPDATE loose SET size = 2.5 WHERE id = :id;
-- name: fraction_strict :exec
UPDATE strict SET size = 2.5 WHERE id = :id;
-- name: scaled :exec
UPDATE loose SET size = size * 1.5 WHERE id = :id;
-- name: halved :exec
UPDATE strict SET size = :size / 2 WHERE id = :id;
-- name: from_json :exec
INSERT INTO loose (size) SELECT value FROM json_each(:sizes);
-- name: two :exec
UPDATE flags SET declared = 2, checked = 2 WHERE id = :id;
-- name: toggled :exec
UPDATE flags SET declared = 1 - declared WHERE id = :id;
-- name: year :exec
UPDATE flags SET at = '2024' WHERE id = :id;
-- name: fits :exec
UPDATE flags SET declared = NOT declared, checked = TRUE, at = datetime('now') WHERE id = :id;
-- name: whole :exec
UPDATE loose SET size = 2.0, id = '7' WHERE id = :id;
