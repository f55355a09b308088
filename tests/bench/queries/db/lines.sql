-- name: add_lines :bulk
INSERT INTO lines (owner, text, bytes, rating) VALUES (:owner, :text, :bytes, :rating);

-- name: add_line :exec
INSERT INTO lines (owner, text, bytes, rating) VALUES (:owner, :text, :bytes, :rating);

-- name: clear_lines :exec
DELETE FROM lines WHERE true;
