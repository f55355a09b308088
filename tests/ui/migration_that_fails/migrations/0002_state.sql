ALTER TABLE uploads ADD COLUMN state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done'));
INSERT INTO upload (user_id, name, size) VALUES (1, 'readme', 10);
CREATE TABLE parts (
    upload INTEGER NOT NULL REFERENCES uploads (id),
    number INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (upload, number)
);
