CREATE TABLE sessions (id TEXT NOT NULL PRIMARY KEY, user INTEGER NOT NULL);
CREATE INDEX users_by_name ON users (name);
