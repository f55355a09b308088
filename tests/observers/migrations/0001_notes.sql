CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO notes (id, text) VALUES (1, 'first'), (2, 'second');
