CREATE TABLE lines (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    text TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    rating REAL
) STRICT;
