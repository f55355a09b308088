-- Enough rows that a plan which reads them all shows in the counts.
CREATE TABLE links (
    id INTEGER PRIMARY KEY,
    org INTEGER NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'done')),
    note TEXT,
    clicks INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
);
CREATE INDEX links_by_status ON links (org, status);
CREATE INDEX links_by_creation ON links (org, created_at);
CREATE INDEX links_by_clicks ON links (org, clicks);
