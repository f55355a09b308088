-- name: of_a_broken_view :many
SELECT id, other FROM latest;
-- name: of_a_denied_function :many
SELECT version FROM denied;
-- name: the_rest_is_well :many
SELECT id, text FROM notes;
