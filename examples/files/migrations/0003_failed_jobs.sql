-- The files whose processing failed on every attempt.
CREATE TABLE failed_jobs (
    file_id INTEGER PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE,
    failed_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;
