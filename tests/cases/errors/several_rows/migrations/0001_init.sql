CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE INDEX notes_by_text ON notes (text);
CREATE TABLE members (org INTEGER NOT NULL, "nick name" TEXT NOT NULL, age INTEGER NOT NULL, code TEXT NOT NULL UNIQUE COLLATE NOCASE, PRIMARY KEY (org, "nick name"));
CREATE UNIQUE INDEX adults ON members (age) WHERE age > 17;
