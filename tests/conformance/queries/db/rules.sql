-- name: texts :one
-- A number is a REAL wherever SQLite shows it.
SELECT (:n + 0) || '' AS text, json_object('n', :n) AS "json: String", substr('abc', :n) AS rest, printf('%d', :n) AS printed
FROM (SELECT 1) WHERE :n = 2;

-- name: math :one
SELECT pow(2, 10) AS power, sqrt(16) AS root, mod(-7, 3) AS remainder, ceil(1.5) AS up, trunc(-1.5) AS zero,
    log(100) AS ten, log(2, 8) AS two, floor(pi()) AS three, sign(-3) AS sign, degrees(pi()) AS degrees;

-- name: words :one
SELECT concat_ws('-', 'a', NULL, 'b') AS joined, format('%05.1f', 2.25) AS formatted, hex(unhex('00ff')) AS hex,
    unicode(char(128512)) AS code, octet_length('é') AS bytes, instr('abc', 'c') AS place, quote('it''s') AS quoted,
    upper('é') AS upper, iif(1 > 2, 'yes', 'no') AS choice, ltrim('  a') AS trimmed;

-- name: times :one
SELECT datetime(0, 'unixepoch') AS epoch, strftime('%Y-%W', '2026-11-17') AS week, unixepoch('2000-01-01') AS seconds,
    timediff('2026-01-02', '2026-01-01') AS difference, round(julianday('2000-01-01'), 1) AS day;

-- name: json_values :one
SELECT json_extract('{"a":[1,{"b":"c"}]}', '$.a[1].b') AS extracted, '{"a":1}' ->> 'a' AS arrow, json_array(1, 'x', NULL) AS list,
    json_patch('{"a":1}', '{"b":2}') AS patched, json_type('[1]') AS kind, json(jsonb('{"a":1}')) AS binary,
    (SELECT group_concat(value, '+') FROM json_each('[1,2,3]')) AS each;

-- name: windows :many
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4)
SELECT i, row_number() OVER (ORDER BY i DESC) AS place, sum(i) OVER (ORDER BY i) AS running, lag(i) OVER (ORDER BY i) AS previous
FROM n ORDER BY i;

-- name: many_values :one
-- Rows of VALUES are not terms of a compound.
SELECT count(*) AS count FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10));

-- name: infinity :one
SELECT 9e999 AS value;

-- name: large_text :one
SELECT length(replace(hex(zeroblob(:bytes)), '0', 'abcd')) AS bytes;

-- name: add_entry :exec
INSERT INTO ledger (id, amount) VALUES (:id, :amount);

-- name: add_owned :exec
INSERT INTO ledger (id, amount, owner) VALUES (:id, 1, :owner);

-- name: copy_anything :exec
INSERT INTO ledger (amount) SELECT anything FROM users WHERE email = :email;

-- name: entries :many
SELECT id FROM ledger ORDER BY id;

-- name: keys_later :exec
PRAGMA defer_foreign_keys = on;

-- name: columns_of_users :many
PRAGMA table_info(users);

-- name: columns_of :many
SELECT name FROM pragma_table_info(:table);

-- name: add_article :exec
INSERT INTO articles (title, body) VALUES (:title, :body);

-- name: articles_about :many
SELECT title, highlight(articles, 1, '<', '>') AS body FROM articles WHERE articles MATCH :words ORDER BY bm25(articles);

-- name: odd_values :one
SELECT CAST(x'61ffc3' AS TEXT) AS invalid, char(97, 0, 98) AS zero, length(char(97, 0, 98)) AS length, 1e300 AS huge, 1e-320 AS tiny;

-- name: keys_off :exec
PRAGMA foreign_keys = off;
