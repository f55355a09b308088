CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'away')),
    admin BOOLEAN NOT NULL,
    score REAL,
    avatar BLOB,
    settings JSON,
    extra TEXT NOT NULL,
    anything,
    label TEXT AS (json_object('name', name, 'admin', admin)),
    short TEXT AS (substr(name, 1, 3))
);
CREATE TABLE tags (
    id INTEGER PRIMARY KEY,
    user INTEGER NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    weight INTEGER
);
CREATE INDEX tags_by_user ON tags (user);
CREATE VIEW users_with_tags AS
SELECT users.id, json_group_array(tags.name) AS tags
FROM users JOIN tags ON tags.user = users.id GROUP BY users.id;
