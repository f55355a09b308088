CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL, bio TEXT, score REAL NOT NULL DEFAULT 0);
CREATE TABLE books (id INTEGER PRIMARY KEY, author INTEGER REFERENCES authors (id), title TEXT NOT NULL);
CREATE VIEW shelf AS SELECT b.id, b.title, a.id AS author_id, a.name FROM books b LEFT JOIN authors a ON a.id = b.author;
