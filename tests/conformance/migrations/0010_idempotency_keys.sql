CREATE TABLE idempotency_keys (
    key TEXT NOT NULL PRIMARY KEY,
    done INTEGER NOT NULL CHECK (done IN (0, 1)),
    claimed_until INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_expires ON idempotency_keys (expires);
