INSERT INTO notes (text) VALUES ('a note of staging');
