CREATE VIRTUAL TABLE IF NOT EXISTS "user notes" USING fts5(text);
INSERT INTO [user note] (text) VALUES (1);
