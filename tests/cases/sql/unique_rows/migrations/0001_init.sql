CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, org INTEGER NOT NULL, slug TEXT NOT NULL, deleted_at TEXT, UNIQUE (org, slug));
CREATE UNIQUE INDEX live_emails ON users (email) WHERE (deleted_at IS NULL AND org > 0);
CREATE UNIQUE INDEX numbers ON users (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE TABLE profiles (id INTEGER PRIMARY KEY, bio TEXT NOT NULL);
