-- name: visits :many
SELECT page, cuont FROM visits;
