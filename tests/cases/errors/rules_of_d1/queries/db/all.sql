-- name: parameters :many
SELECT id FROM notes WHERE id = max(:p1, :p2, :p3, :p4, :p5, :p6, :p7, :p8, :p9, :p10, :p11, :p12, :p13, :p14, :p15, :p16, :p17, :p18, :p19, :p20, :p21, :p22, :p23, :p24, :p25, :p26, :p27, :p28, :p29, :p30, :p31, :p32, :p33, :p34, :p35, :p36, :p37, :p38, :p39, :p40, :p41, :p42, :p43, :p44, :p45, :p46, :p47, :p48, :p49, :p50, :p51, :p52, :p53, :p54, :p55, :p56, :p57, :p58, :p59, :p60, :p61, :p62, :p63, :p64, :p65, :p66, :p67, :p68, :p69, :p70, :p71, :p72, :p73, :p74, :p75, :p76, :p77, :p78, :p79, :p80, :p81, :p82, :p83, :p84, :p85, :p86, :p87, :p88, :p89, :p90, :p91, :p92, :p93, :p94, :p95, :p96, :p97, :p98, :p99, :p100, :p101);
-- name: columns :many
SELECT 1 AS c1, 2 AS c2, 3 AS c3, 4 AS c4, 5 AS c5, 6 AS c6, 7 AS c7, 8 AS c8, 9 AS c9, 10 AS c10, 11 AS c11, 12 AS c12, 13 AS c13, 14 AS c14, 15 AS c15, 16 AS c16, 17 AS c17, 18 AS c18, 19 AS c19, 20 AS c20, 21 AS c21, 22 AS c22, 23 AS c23, 24 AS c24, 25 AS c25, 26 AS c26, 27 AS c27, 28 AS c28, 29 AS c29, 30 AS c30, 31 AS c31, 32 AS c32, 33 AS c33, 34 AS c34, 35 AS c35, 36 AS c36, 37 AS c37, 38 AS c38, 39 AS c39, 40 AS c40, 41 AS c41, 42 AS c42, 43 AS c43, 44 AS c44, 45 AS c45, 46 AS c46, 47 AS c47, 48 AS c48, 49 AS c49, 50 AS c50, 51 AS c51, 52 AS c52, 53 AS c53, 54 AS c54, 55 AS c55, 56 AS c56, 57 AS c57, 58 AS c58, 59 AS c59, 60 AS c60, 61 AS c61, 62 AS c62, 63 AS c63, 64 AS c64, 65 AS c65, 66 AS c66, 67 AS c67, 68 AS c68, 69 AS c69, 70 AS c70, 71 AS c71, 72 AS c72, 73 AS c73, 74 AS c74, 75 AS c75, 76 AS c76, 77 AS c77, 78 AS c78, 79 AS c79, 80 AS c80, 81 AS c81, 82 AS c82, 83 AS c83, 84 AS c84, 85 AS c85, 86 AS c86, 87 AS c87, 88 AS c88, 89 AS c89, 90 AS c90, 91 AS c91, 92 AS c92, 93 AS c93, 94 AS c94, 95 AS c95, 96 AS c96, 97 AS c97, 98 AS c98, 99 AS c99, 100 AS c100, 101 AS c101 FROM notes;
-- name: deep :many
SELECT 1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1 AS sum FROM notes;
-- name: series :many
SELECT value FROM generate_series(1, 3);
-- name: reserved :many
SELECT name FROM _cf_KV;
-- name: attach :exec
ATTACH 'other.db' AS other;
-- name: begin :exec
BEGIN;
-- name: savepoint :exec
SAVEPOINT a;
-- name: version :many
PRAGMA user_version;
-- name: journal :many
PRAGMA journal_mode;
-- name: pages :exec
PRAGMA page_size = 512;
-- name: schema :exec
DELETE FROM sqlite_schema WHERE name = 'notes';
-- name: two :exec
DELETE FROM notes WHERE id = 1; DELETE FROM notes WHERE id = 2;
-- name: bounded :many
SELECT id FROM notes WHERE text LIKE '%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a';
-- name: stars :many
SELECT * FROM (SELECT *, *, *, *, *, *, *, * FROM (SELECT *, *, *, *, *, *, *, * FROM (SELECT *, *, *, *, *, *, *, * FROM (SELECT *, *, *, *, *, *, *, * FROM (SELECT *, *, *, *, *, *, *, * FROM (SELECT *, *, *, *, *, *, *, * FROM notes))))));
-- name: switched :exec
PRAGMA foreign_keys = off;
-- name: after_the_switch :exec
DELETE FROM parents WHERE x = 1;
-- name: odd :one
SELECT json_object('id', id, 'text') AS note FROM notes;
