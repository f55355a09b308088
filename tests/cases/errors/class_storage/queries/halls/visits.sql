-- name: visits :many
SELECT page FROM visits;
