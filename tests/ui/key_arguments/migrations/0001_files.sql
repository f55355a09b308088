CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    filename TEXT NOT NULL,
    note TEXT
) STRICT;
