CREATE TABLE notes (id INTEGER PRIMARY KEY, owner TEXT NOT NULL);
CREATE TABLE owners (owner TEXT NOT NULL);
CREATE VIEW versions AS SELECT sqlite_version() AS version;
