-- name: fill_links :exec
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO links (id, org, title, status, clicks, created_at)
SELECT i, 1, 'link ' || i, iif(i % 50 = 0, 'done', 'open'), i * 7 % 1000, i FROM n;

-- name: links :many
SELECT id, title, clicks FROM links
WHERE org = :org
  AND (:status IS NULL OR status = :status)
  AND (:title IS NULL OR title = :title)
  AND (:from IS NULL OR :to IS NULL OR created_at BETWEEN :from AND :to)
ORDER BY CASE :sort WHEN 'created_at' THEN created_at WHEN 'clicks' THEN clicks END DESC
LIMIT :limit;

-- name: links_sorted :many :scalar
SELECT id FROM links WHERE org = :org
ORDER BY CASE :sort WHEN 'clicks' THEN clicks WHEN 'title' THEN title ELSE id END LIMIT 3;

-- name: links_among :many :scalar
SELECT id FROM links WHERE (:ids IS NULL OR id IN (:ids)) AND (:least IS NULL OR clicks >= :least) ORDER BY id LIMIT 5;

-- name: update_link :optional :patch
UPDATE links SET title = :title, note = :note, clicks = :clicks WHERE id = :id
RETURNING title, note, clicks;

-- name: touch_link :exec :patch
UPDATE links SET created_at = created_at + 1, note = :note WHERE id = :id;

-- name: link_by_id :one
SELECT title, note, clicks, created_at FROM links WHERE id = :id;

-- name: link_pages :page
-- Many rows have the same status.
SELECT id, status FROM links
WHERE org = :org AND (:from IS NULL OR created_at >= :from)
ORDER BY status DESC, id DESC;
