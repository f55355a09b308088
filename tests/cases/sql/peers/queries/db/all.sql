-- What is known to be hard: where inference by running or by bytecode goes wrong.

-- name: left_joins_8 :many
SELECT t1.name AS name1, t2.name AS name2, t3.name AS name3, t4.name AS name4, t5.name AS name5, t6.name AS name6, t7.name AS name7, t8.name AS name8
FROM t t0
LEFT JOIN t t1 ON t1.id = t0.parent
LEFT JOIN t t2 ON t2.id = t1.parent
LEFT JOIN t t3 ON t3.id = t2.parent
LEFT JOIN t t4 ON t4.id = t3.parent
LEFT JOIN t t5 ON t5.id = t4.parent
LEFT JOIN t t6 ON t6.id = t5.parent
LEFT JOIN t t7 ON t7.id = t6.parent
LEFT JOIN t t8 ON t8.id = t7.parent
WHERE t0.id = :id;

-- name: left_joins_10 :many
SELECT t1.name AS name1, t2.name AS name2, t3.name AS name3, t4.name AS name4, t5.name AS name5, t6.name AS name6, t7.name AS name7, t8.name AS name8, t9.name AS name9, t10.name AS name10
FROM t t0
LEFT JOIN t t1 ON t1.id = t0.parent
LEFT JOIN t t2 ON t2.id = t1.parent
LEFT JOIN t t3 ON t3.id = t2.parent
LEFT JOIN t t4 ON t4.id = t3.parent
LEFT JOIN t t5 ON t5.id = t4.parent
LEFT JOIN t t6 ON t6.id = t5.parent
LEFT JOIN t t7 ON t7.id = t6.parent
LEFT JOIN t t8 ON t8.id = t7.parent
LEFT JOIN t t9 ON t9.id = t8.parent
LEFT JOIN t t10 ON t10.id = t9.parent
WHERE t0.id = :id;

-- name: left_joins_12 :many
SELECT t1.name AS name1, t2.name AS name2, t3.name AS name3, t4.name AS name4, t5.name AS name5, t6.name AS name6, t7.name AS name7, t8.name AS name8, t9.name AS name9, t10.name AS name10, t11.name AS name11, t12.name AS name12
FROM t t0
LEFT JOIN t t1 ON t1.id = t0.parent
LEFT JOIN t t2 ON t2.id = t1.parent
LEFT JOIN t t3 ON t3.id = t2.parent
LEFT JOIN t t4 ON t4.id = t3.parent
LEFT JOIN t t5 ON t5.id = t4.parent
LEFT JOIN t t6 ON t6.id = t5.parent
LEFT JOIN t t7 ON t7.id = t6.parent
LEFT JOIN t t8 ON t8.id = t7.parent
LEFT JOIN t t9 ON t9.id = t8.parent
LEFT JOIN t t10 ON t10.id = t9.parent
LEFT JOIN t t11 ON t11.id = t10.parent
LEFT JOIN t t12 ON t12.id = t11.parent
WHERE t0.id = :id;

-- name: cases_16 :many
SELECT CASE WHEN age > 0 THEN 'old' ELSE email END AS c0, CASE WHEN age > 1 THEN 'old' ELSE email END AS c1, CASE WHEN age > 2 THEN 'old' ELSE email END AS c2, CASE WHEN age > 3 THEN 'old' ELSE email END AS c3, CASE WHEN age > 4 THEN 'old' ELSE email END AS c4, CASE WHEN age > 5 THEN 'old' ELSE email END AS c5, CASE WHEN age > 6 THEN 'old' ELSE email END AS c6, CASE WHEN age > 7 THEN 'old' ELSE email END AS c7, CASE WHEN age > 8 THEN 'old' ELSE email END AS c8, CASE WHEN age > 9 THEN 'old' ELSE email END AS c9, CASE WHEN age > 10 THEN 'old' ELSE email END AS c10, CASE WHEN age > 11 THEN 'old' ELSE email END AS c11, CASE WHEN age > 12 THEN 'old' ELSE email END AS c12, CASE WHEN age > 13 THEN 'old' ELSE email END AS c13, CASE WHEN age > 14 THEN 'old' ELSE email END AS c14, CASE WHEN age > 15 THEN 'old' ELSE email END AS c15 FROM t;

-- name: ctes_windows_union :many
WITH sums AS (SELECT t_id, sum(total) AS spent, count(*) AS many FROM orders GROUP BY t_id),
     ranked AS (SELECT t.id, t.name, sums.spent, sums.many, rank() OVER (ORDER BY sums.spent DESC) AS place
                FROM t LEFT JOIN sums ON sums.t_id = t.id),
     old AS (SELECT id, name FROM t WHERE age > 60),
     young AS (SELECT id, name FROM t WHERE age <= 60)
SELECT ranked.id, ranked.name, ranked.spent, ranked.many, ranked.place, 'ranked' AS source FROM ranked
UNION ALL SELECT old.id, old.name, NULL, 0, 0, 'old' FROM old
UNION ALL SELECT young.id, young.name, NULL, 0, 0, 'young' FROM young;

-- name: comparisons :many
SELECT age > 1 AS a, email BETWEEN 'a' AND 'b' AS b, age = 3 OR age = 4 AS c, name > 'a' AS d, email IS NULL AS e,
       name GLOB 'a*' AS f, age IN (1, 2) AS g, name IN (SELECT email FROM t) AS h, EXISTS (SELECT 1 FROM orders) AS i
FROM t;

-- name: division :many
SELECT age / 2 AS a, 7 / id AS b, 1 / 0 AS c, id % 3 AS d, id / 2 AS e, ratio / 2 AS f, 1.5 + id AS g, id + id AS h FROM t;

-- name: json :many
SELECT item.key, item.value, item.type, item.atom, item.fullkey, json_extract(orders.items, '$[0]') AS first,
       orders.items ->> 0 AS text, orders.items -> 0 AS json
FROM orders, json_each(orders.items) AS item;

-- name: json_of_a_parameter :many
SELECT value FROM json_each(:list) WHERE type = 'integer';

-- name: insert_returning :one
INSERT INTO t (name) VALUES (:name) RETURNING id, name, age, ratio;

-- name: upsert_returning :one
INSERT INTO coded (code, n) VALUES (:code, :n) ON CONFLICT (code) DO UPDATE SET n = excluded.n RETURNING code, n;

-- name: key_of_text :many
SELECT code, n FROM coded;

-- name: averages :one
SELECT avg(age) AS a, sum(id) AS b, total(age) AS c, max(name) AS d, min(ratio) AS e, count(age) AS f, group_concat(name) AS g FROM t;

-- name: averages_by_group :many
SELECT t_id, avg(total) AS a, sum(total) AS b, max(note) AS c, count(*) AS d FROM orders GROUP BY t_id HAVING sum(total) > :least;

-- name: functions :many
SELECT upper(name) AS a, length(email) AS b, abs(age) AS c, round(ratio) AS d, substr(name, 1, 2) AS e, trim(email) AS f,
       printf('%s', name) AS g, hex(name) AS h, typeof(age) AS i, nullif(name, '') AS j, max(age, 1) AS k, julianday(name) AS l,
       unixepoch('now') AS m, datetime('now', '-1 day') AS n, strftime('%Y', name) AS o, coalesce(email, name) AS p,
       iif(age > 1, name, 'x') AS q, instr(name, 'a') AS r
FROM t;

-- name: union_takes_both_arms :many
SELECT name AS x FROM t UNION SELECT email FROM t;

-- name: scalar_subquery :many
SELECT (SELECT name FROM t WHERE t.id = orders.t_id) AS a, (SELECT count(*) FROM t) AS b, (SELECT max(total) FROM orders AS o) AS c FROM orders;

-- name: an_aggregate_of_the_outer_query :many
SELECT name AS a, (SELECT max(t.age)) AS b FROM t;

-- name: right_and_full :many
SELECT t.name AS a, orders.total AS b, coded.n AS c FROM t RIGHT JOIN orders ON orders.t_id = t.id FULL JOIN coded ON coded.n = orders.id;

-- name: recursive :many
WITH RECURSIVE up (id, parent, depth) AS (
    SELECT id, parent, 0 FROM t WHERE id = :id UNION ALL SELECT t.id, t.parent, depth + 1 FROM t JOIN up ON t.id = up.parent
)
SELECT id, parent, depth FROM up;

-- name: full_text :many
SELECT rowid, title, bm25(notes) AS score, rank, highlight(notes, 0, '<b>', '</b>') AS marked, snippet(notes, 1, '[', ']', '...', 8) AS cut
FROM notes WHERE notes MATCH :words ORDER BY rank LIMIT :most;

-- name: boxes :many
SELECT id, min_x, label FROM places WHERE min_x >= :west AND max_x <= :east;

-- name: pragma :many
SELECT name, type, "notnull" FROM pragma_table_info('t');

-- name: by_unique_key :optional
SELECT t.name, orders.total FROM orders JOIN t ON t.id = orders.t_id WHERE orders.id = :id;

-- name: window_frames :many
SELECT sum(total) OVER (PARTITION BY t_id ORDER BY id) AS a, lag(total) OVER w AS b, lag(total, 1, 0.0) OVER w AS c,
       first_value(note) OVER w AS d, sum(total) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING) AS e, ntile(4) OVER w AS f
FROM orders WINDOW w AS (ORDER BY id);

-- name: sequence :many
SELECT name, seq FROM sqlite_sequence;
