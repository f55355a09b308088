-- name: visit :one
INSERT INTO visits (page, count) VALUES (:page, 1)
ON CONFLICT (page) DO UPDATE SET count = count + 1
RETURNING count;

-- name: most_visited :many
SELECT page, count FROM visits ORDER BY count DESC LIMIT 10;
