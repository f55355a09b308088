-- STRICT, with a trigger that rejects rows.
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY,
    amount INTEGER NOT NULL,
    owner INTEGER REFERENCES ledger (id)
) STRICT;
CREATE TRIGGER ledger_is_positive BEFORE INSERT ON ledger WHEN NEW.amount < 0
BEGIN
    SELECT RAISE(ABORT, 'the amount is negative');
END;
CREATE VIRTUAL TABLE articles USING fts5 (title, body);
