CREATE TABLE cache (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, expires INTEGER NOT NULL);
CREATE INDEX cache_by_expires ON cache (expires);
