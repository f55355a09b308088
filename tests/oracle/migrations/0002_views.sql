CREATE VIEW matched AS
SELECT loose.id, loose.n, kept.s AS kept_s, kept.r, loose.t
FROM loose LEFT JOIN kept ON kept.loose_id = loose.id;

CREATE VIEW counted (k, many, most) AS
SELECT s, count(*), max(r) FROM kept GROUP BY s;

CREATE VIEW both AS
SELECT n AS value, t AS label FROM loose UNION ALL SELECT v, k FROM keyed;

CREATE VIEW summed AS SELECT sum(m) AS total, min(t) AS first, count(n) AS present FROM loose;
