CREATE TABLE items (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    rating REAL,
    note TEXT,
    made_at TEXT NOT NULL
) STRICT;

CREATE TABLE blobs (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
