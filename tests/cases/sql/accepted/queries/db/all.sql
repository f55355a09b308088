-- name: alias_in_where :many
SELECT stock * 2 AS doubled FROM items WHERE doubled > :least;
-- name: alias_in_on :many
SELECT i.stock + 1 AS next, o.count FROM items i JOIN orders o ON o.count = next;
-- name: alias_in_groups :many
SELECT price / 2 AS half, count(*) AS n FROM items GROUP BY half HAVING n > 1 AND half > 3 ORDER BY n;
-- name: alias_in_a_subquery :many
SELECT stock + 1 AS next FROM items WHERE EXISTS (SELECT 1 FROM orders WHERE count = next);
-- name: recursive_without_the_word :many
WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n;
-- name: later_cte :many
WITH p AS (SELECT two, one FROM q), q AS (SELECT 1 AS one, two FROM r), r AS (SELECT price AS two FROM items) SELECT * FROM p;
-- name: rowid_over_a_key :many
SELECT rowid, name FROM items WHERE _rowid_ > :after;
-- name: rowid_of_a_key_returned :one
INSERT INTO items (name) VALUES (:name) RETURNING oid;
-- name: rowid_without_a_key :many
SELECT oid, item FROM orders;
-- name: searched :many
SELECT title, rank FROM search('a OR b');
-- name: searched_by_parameter :many
SELECT title, rank FROM search(:query) AS found;
-- name: quoted_qualifier :many
SELECT 'items'.name FROM items;
-- name: between_a_comparison :many
SELECT id FROM items WHERE stock BETWEEN 1 = 1 AND 5;
-- name: argument_from_a_later_source :many
SELECT items.id, tag.value FROM json_each(items.tags) AS tag, items;
-- name: replaced_null :exec
INSERT OR REPLACE INTO items (id, name, stock) VALUES (:id, :name, :stock);
-- name: replaced_literal :exec
REPLACE INTO items (id, name, stock) VALUES (:id, :name, NULL);
-- name: ordered_by_the_second_arm :many
SELECT name AS a FROM items UNION SELECT title AS b FROM search ORDER BY b;
-- name: semicolons :many
SELECT id FROM items;;
-- name: offset_first :many
SELECT id FROM items LIMIT 0, 5;
-- name: offset_first_of_one :one
SELECT id FROM items LIMIT 0, 1;
-- name: ordered_by_an_alias :many
SELECT a.id AS id, b.name AS "name!" FROM items AS a JOIN items AS b ON b.stock = a.id ORDER BY id DESC, name COLLATE NOCASE;
-- name: ordered_by_an_expression_of_an_arm :many
SELECT lower(name) FROM items UNION SELECT orders.item FROM orders ORDER BY lower(name), orders.item;
-- name: rowid_of_a_cte :many
WITH original AS (SELECT rowid, * FROM items) SELECT original.rowid, original.id, name FROM original WHERE original.rowid > 1;
-- name: rowid_of_json :many
SELECT rowid, value FROM json_each('[1]');
-- name: time_without_a_format :one
SELECT strftime() AS a, CAST('a' AS ) AS b;
-- name: stored_in_full_text :exec
INSERT INTO documents (id, body) VALUES (:id, :body);
-- name: number_in_full_text :exec
INSERT INTO documents (id, body) SELECT id, stock FROM items;
-- name: from_full_text :many
SELECT id, body FROM documents;
-- name: returned_by_table :many
UPDATE items AS changed SET stock = changed.stock + 1 WHERE changed.id > 1 RETURNING items.stock;
