-- Values that JSON represents differently from SQL.
CREATE TABLE items (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('big', 'small')),
    ready BOOLEAN NOT NULL,
    size REAL,
    note TEXT,
    parent INTEGER REFERENCES items (id),
    settings JSON NOT NULL DEFAULT '{}',
    label TEXT NOT NULL AS (json_array(id, name))
);
