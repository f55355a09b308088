CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    author TEXT NOT NULL,
    body TEXT NOT NULL UNIQUE,
    picture BLOB
);
