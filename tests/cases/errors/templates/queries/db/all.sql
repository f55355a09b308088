-- name: not_an_update :many :patch
SELECT id FROM links WHERE title = :title;
-- name: nothing_optional :exec :patch
UPDATE links SET title = upper(:title) WHERE id = :id;
-- name: unknown :many :patches
SELECT id FROM links WHERE id = :id;
-- name: scalar_of_two :many :scalar
SELECT id, title FROM links WHERE id = :id;
-- name: scalar_with_a_row :many LinkRow :scalar
SELECT id FROM links WHERE id = :id;
-- name: title_search :many
SELECT id FROM links WHERE (:title IS NULL OR title = :title);
