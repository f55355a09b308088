CREATE TABLE notes (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX notes_by_text ON notes (text);
