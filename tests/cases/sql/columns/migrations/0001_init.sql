CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT,
    age INTEGER,
    score REAL NOT NULL DEFAULT 0,
    admin BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE TABLE posts (
    id INTEGER PRIMARY KEY,
    author INTEGER NOT NULL REFERENCES users (id),
    title TEXT NOT NULL,
    body TEXT,
    likes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE tags (post INTEGER NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (post, tag)) WITHOUT ROWID;
CREATE TABLE keyed (code TEXT PRIMARY KEY, blob BLOB, any, price DECIMAL(10, 2), created_at DATETIME DEFAULT CURRENT_TIMESTAMP, twice INTEGER GENERATED ALWAYS AS (2 * 3) STORED);
CREATE VIEW authors AS SELECT u.id, u.email, count(p.id) AS written FROM users u LEFT JOIN posts p ON p.author = u.id GROUP BY u.id;
CREATE TABLE stamped (
    id INTEGER PRIMARY KEY,
    at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    seconds DATETIME NOT NULL DEFAULT (unixepoch()),
    text_seconds TIMESTAMP NOT NULL DEFAULT (strftime('%s', 'now')),
    meta JSON NOT NULL DEFAULT '{}',
    extra JSON
);
CREATE TABLE ported (
    id INTEGER PRIMARY KEY,
    label STRING,
    kind ENUM NOT NULL,
    key VARBINARY(16),
    settings JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE
);
