CREATE TABLE entries (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT;
-- One row for each write of an entry, in the same transaction.
CREATE TABLE writes (key TEXT NOT NULL, value TEXT NOT NULL) STRICT;
CREATE TABLE received (queue TEXT NOT NULL, body TEXT NOT NULL, attempts INTEGER NOT NULL) STRICT;
