CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE gone (id INTEGER PRIMARY KEY);
CREATE VIEW latest AS SELECT notes.id, gone.id AS other FROM notes JOIN gone;
CREATE VIEW denied AS SELECT sqlite_version() AS version;
DROP TABLE gone;
