CREATE TABLE files (
    -- Without AUTOINCREMENT, SQLite gives the id of a deleted row to a new one. The entry of the
    -- deleted file in KV would then be served for the new file.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    filename TEXT NOT NULL,
    -- Where its content is in the bucket.
    object_key TEXT NOT NULL UNIQUE,
    content_type TEXT NOT NULL,
    -- Zero until the content is stored.
    size_bytes INTEGER NOT NULL DEFAULT 0,
    uploaded_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    -- Users see only stored files. The row of every other state waits for the sweep.
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'stored', 'deleted'))
) STRICT;

CREATE INDEX files_by_user ON files (user_id, id);
CREATE INDEX files_by_state ON files (state, uploaded_at);
