CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT,
    age INTEGER CHECK (age >= 0),
    score REAL,
    admin BOOLEAN NOT NULL DEFAULT FALSE,
    avatar BLOB,
    anything ANY
);
CREATE TABLE posts (
    id INTEGER PRIMARY KEY,
    author INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    likes INTEGER NOT NULL DEFAULT 0
) STRICT;
-- Not STRICT: its columns can hold what their types do not promise.
CREATE TABLE loose (id INTEGER PRIMARY KEY, number INTEGER, text TEXT, flag BOOLEAN);
CREATE TABLE received (id INTEGER PRIMARY KEY, body TEXT NOT NULL, attempts INTEGER NOT NULL);
