-- name: put_entry :exec
INSERT INTO entries (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- name: put_panicking :one
INSERT INTO entries (key, value) VALUES (:key, :value)
RETURNING value AS "value: crate::Panics";

-- name: add_write :exec
INSERT INTO writes (key, value) VALUES (:key, :value);

-- name: entry :optional
SELECT value FROM entries WHERE key = :key;

-- name: last_write :optional
SELECT value FROM writes WHERE key = :key ORDER BY rowid DESC LIMIT 1;

-- name: count_to :one
WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < :n)
SELECT count(*) AS count FROM c;

-- name: write_slowly :exec
INSERT INTO writes (key, value)
WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < :n)
SELECT 'slow', CAST(count(*) AS TEXT) FROM c;

-- name: add_received :exec
INSERT INTO received (queue, body, attempts) VALUES (:queue, :body, :attempts);

-- name: received :many
SELECT queue, body, attempts FROM received ORDER BY rowid;
