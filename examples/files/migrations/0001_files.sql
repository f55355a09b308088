CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    filename TEXT NOT NULL,
    -- Where its content is in the bucket.
    object_key TEXT NOT NULL UNIQUE,
    content_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    uploaded_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;

CREATE INDEX files_by_user ON files (user_id, id);
