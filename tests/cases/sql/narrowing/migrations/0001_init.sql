CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER, score REAL, bio TEXT);
CREATE TABLE books (id INTEGER PRIMARY KEY, author INTEGER NOT NULL, title TEXT NOT NULL, pages INTEGER, note TEXT DEFAULT '-', meta TEXT NOT NULL);
CREATE TABLE loans (book INTEGER NOT NULL, day TEXT NOT NULL, back TEXT);
CREATE VIEW shelf AS SELECT a.id, a.name, b.title, b.pages, b.id AS book FROM authors a LEFT JOIN books b ON b.author = a.id;
CREATE TABLE audited (id INTEGER PRIMARY KEY, n INTEGER);
CREATE TRIGGER audit AFTER UPDATE ON audited BEGIN UPDATE audited SET n = NULL WHERE id = new.id; END;
