CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    filename TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    rating REAL,
    note TEXT,
    uploaded_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO files (id, user_id, filename, content_type, size_bytes, rating, note)
SELECT i, 'user-' || (i % 10), 'file number ' || i || '.txt', 'text/plain', i * 1001, i / 7.0, iif(i % 3, 'a note on ' || i, NULL) FROM n;
