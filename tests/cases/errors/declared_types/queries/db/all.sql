-- name: every :many
SELECT * FROM devices;
