-- name: filtered :many
SELECT id FROM links WHERE org = :org AND (:status IS NULL OR status = :status);
-- name: only_filters :many
SELECT id FROM links WHERE (:org IS NULL OR org = :org) AND (title LIKE :title OR note LIKE :title OR :title IS NULL);
-- name: needs_two :many
SELECT id FROM links WHERE :a IS NULL OR :b IS NULL OR created_at BETWEEN :a AND :b;
-- name: nested :many
SELECT id FROM links WHERE (org = :org AND (:name IS NULL OR id IN (SELECT link FROM tags WHERE :least IS NULL OR link >= :least)));
-- name: in_a_join :many
SELECT l.id, t.name FROM links l LEFT JOIN tags t ON t.link = l.id AND (:name IS NULL OR t.name = :name) GROUP BY l.id, t.name HAVING :most IS NULL OR count(*) < :most;
-- name: with_a_list :many
SELECT id FROM links WHERE :ids IS NULL OR id IN (:ids);
-- name: sorted :many
SELECT id FROM links WHERE org = :org ORDER BY CASE :sort WHEN 'created_at' THEN created_at WHEN 'title' THEN title END DESC, id;
-- name: sorted_or_not :many
SELECT id FROM links ORDER BY CASE :sort WHEN 'title' THEN lower(title) WHEN 'org' THEN org ELSE id END;
-- name: not_a_sort :many
SELECT id, :sort AS sort FROM links ORDER BY CASE :sort WHEN 'title' THEN title WHEN 'org' THEN org END;
-- name: position :many
SELECT id, title FROM links ORDER BY CASE :sort WHEN 'a' THEN 1 WHEN 'b' THEN title END;
-- name: patched :exec :patch
UPDATE links SET title = :title, note = :note WHERE id = :id;
-- name: patched_and_set :optional :patch
UPDATE links SET created_at = unixepoch(), note = :note, title = upper(:title) WHERE id = :id RETURNING note;
-- name: removed :exec
DELETE FROM links WHERE org = :org AND (:status IS NULL OR status = :status);
-- name: many_choices :many
SELECT id FROM links WHERE (:a IS NULL OR id = :a) AND (:b IS NULL OR org = :b) AND (:c IS NULL OR title = :c)
  AND (:d IS NULL OR note = :d) AND (:e IS NULL OR created_at = :e) AND (:f IS NULL OR created_at > :f)
  AND (:g IS NULL OR created_at < :g);
-- name: not_optional :many
SELECT (:a IS NULL OR org = :a) AS flag FROM links WHERE (:b IS NOT NULL AND org = :b) OR (:b IS NULL);
-- name: sorted_by_one_text :many
SELECT id FROM (SELECT id, title FROM links ORDER BY CASE :sort WHEN 'title' THEN title END LIMIT 3);
-- name: sorted_by_texts_of_one_name :many
SELECT id FROM links ORDER BY CASE :sort WHEN 'by title' THEN title WHEN 'by_title' THEN org END;
