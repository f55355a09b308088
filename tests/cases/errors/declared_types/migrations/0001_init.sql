CREATE TABLE devices (
    id INTEGER PRIMARY KEY,
    serial STRING NOT NULL,
    key VARBINARY(16),
    "order" SERIAL,
    seen_at TIMESTAMP WITH TIME ZONE,
    settings JSONB
);
ALTER TABLE devices ADD COLUMN kind ENUM;
