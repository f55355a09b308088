-- What stood before the first migration.
PRAGMA foreign_keys = OFF;
BEGIN TRANSACTION;
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO people (id, name) VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cleo'), (4, 'Dan');
COMMIT;
