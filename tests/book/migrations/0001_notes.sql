CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    text TEXT NOT NULL,
    done_at TEXT
) STRICT;
CREATE INDEX notes_by_owner ON notes (owner);
