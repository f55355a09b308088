CREATE TABLE posts (
    id INTEGER PRIMARY KEY,
    author TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL COLLATE NOCASE,
    score REAL NOT NULL DEFAULT 0,
    published TEXT,
    deleted_at TEXT
);
CREATE INDEX posts_by_author_score ON posts (author, score);
CREATE INDEX posts_by_title ON posts (title, id DESC);
CREATE TABLE comments (
    post INTEGER NOT NULL REFERENCES posts (id),
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (post, number)
) WITHOUT ROWID;
