-- Each file that was processed. The message of a file can arrive twice, so its id is the key.
CREATE TABLE uploads (
    file INTEGER PRIMARY KEY,
    bytes INTEGER NOT NULL
);
