-- Every way in which a column can be: each affinity, nullable and not, keys of each kind, CHECKs, generated ones.
CREATE TABLE loose (
    id INTEGER PRIMARY KEY,
    n INTEGER,
    m INTEGER NOT NULL,
    r REAL,
    q REAL NOT NULL,
    s TEXT,
    t TEXT NOT NULL,
    b BLOB,
    f BOOLEAN NOT NULL,
    e TEXT CHECK (e IN ('open', 'done')),
    w TEXT NOT NULL DEFAULT 'low' CHECK (w IN ('low', 'high')),
    u NUMERIC,
    c TEXT COLLATE NOCASE,
    j TEXT
);

CREATE TABLE kept (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    loose_id INTEGER REFERENCES loose (id),
    x ANY,
    s TEXT NOT NULL,
    r REAL NOT NULL,
    i INT,
    z INTEGER NOT NULL DEFAULT 0 CHECK (z IN (0, 1)),
    UNIQUE (s, i)
) STRICT;

CREATE TABLE keyed (
    k TEXT,
    v INTEGER,
    s TEXT,
    PRIMARY KEY (k, v)
) WITHOUT ROWID;

CREATE TABLE coded (
    code TEXT PRIMARY KEY,
    n INTEGER,
    s TEXT,
    plus INTEGER AS (n + 1),
    shown TEXT NOT NULL AS (coalesce(s, '') || '!') STORED,
    half AS (n / 2),
    untyped
);

CREATE TABLE ordered (
    d INTEGER PRIMARY KEY DESC,
    m INTEGER NOT NULL
);

-- Types of other databases, which SQLite stores as NUMERIC.
CREATE TABLE imported (
    name STRING NOT NULL,
    kind ENUM,
    document JSONB,
    at TIMESTAMPTZ NOT NULL,
    zoned TIMESTAMP WITH TIME ZONE,
    digest VARBINARY(16)
);
