-- A unique key of each type that a page can continue by, with values that are hard to compare.
CREATE TABLE marks (
    name TEXT NOT NULL COLLATE NOCASE,
    weight REAL NOT NULL,
    tag BLOB NOT NULL,
    UNIQUE (name, weight, tag)
);
