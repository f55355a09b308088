CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('view', 'click')),
    title TEXT,
    amount REAL,
    seen BOOLEAN NOT NULL DEFAULT FALSE,
    payload BLOB,
    extra ANY
);
