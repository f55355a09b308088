-- name: fill_marks :exec
WITH names (name) AS (VALUES ('a'), ('B'), ('é'), (''), ('a' || char(0) || 'b'), ('😀')),
     weights (weight) AS (VALUES (0.1), (-0.5), (1e300), (5e-324), (0.0), (3.0)),
     tags (tag) AS (VALUES (x''), (x'00'), (x'00ff'), (x'7b22'))
INSERT INTO marks SELECT name, weight, tag FROM names, weights, tags;

-- name: all_marks :many MarkRow
SELECT name, weight, tag FROM marks ORDER BY name, weight, tag;

-- name: mark_pages :page MarkRow
SELECT name, weight, tag FROM marks ORDER BY name, weight, tag;

-- name: marks_mixed :many MarkRow
SELECT name, weight, tag FROM marks ORDER BY name DESC, weight, tag DESC;

-- name: mixed_pages :page MarkRow
SELECT name, weight, tag FROM marks ORDER BY name DESC, weight, tag DESC;
