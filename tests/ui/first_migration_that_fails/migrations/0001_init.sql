CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'member')),
    created_at TEXT NOT NULL
);
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    name TEXT NOT NUL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done')),
    note TEXT
);
CREATE TABLE parts (
    upload INTEGER NOT NULL REFERENCES uploads (id),
    number INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (upload, number)
);
