CREATE TABLE links (
    id INTEGER PRIMARY KEY,
    org INTEGER NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'done')),
    note TEXT,
    created_at INTEGER NOT NULL
);
CREATE INDEX links_by_status ON links (org, status);
CREATE INDEX links_by_creation ON links (org, created_at);
CREATE TABLE tags (link INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (link, name)) WITHOUT ROWID;
