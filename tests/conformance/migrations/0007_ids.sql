-- Integers of 64 bits.
CREATE TABLE ids (id INTEGER PRIMARY KEY, note TEXT NOT NULL);
