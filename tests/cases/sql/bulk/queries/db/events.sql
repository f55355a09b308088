-- name: add_events :bulk
-- Adds what has happened.
INSERT INTO events (id, kind, title, amount, seen, payload, extra)
VALUES (:id, :kind, :title, :amount, :seen, :payload, :extra);

-- name: add_kinds :bulk
INSERT OR IGNORE INTO events (kind, amount) VALUES (:kind, abs(:amount) + 1) -- a comment
ON CONFLICT (id) DO NOTHING;

-- name: add_after_cte :bulk
WITH few AS (VALUES (1), (2)) INSERT INTO events (kind, id) VALUES (:kind, (SELECT max(column1) FROM few) + :offset);
