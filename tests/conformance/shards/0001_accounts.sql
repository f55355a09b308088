CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO kinds VALUES (1, 'payment');

CREATE TABLE accounts (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL);

CREATE TABLE entries (
  id TEXT PRIMARY KEY NOT NULL,
  account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  parent_id TEXT REFERENCES entries (id) ON DELETE CASCADE,
  kind INTEGER NOT NULL DEFAULT 1 REFERENCES kinds (id),
  amount INTEGER NOT NULL,
  payload BLOB
);

CREATE INDEX entries_account ON entries (account_id);
