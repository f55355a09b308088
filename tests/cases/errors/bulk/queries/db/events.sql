-- name: add_two :bulk
INSERT INTO events (kind, amount) VALUES (:kind, 1), (:kind, 2);

-- name: add_returning :bulk
INSERT INTO events (kind, amount) VALUES (:kind, :amount) RETURNING id;

-- name: copy :bulk
INSERT INTO events (kind, amount) SELECT kind, :amount FROM events;

-- name: read :bulk
SELECT id FROM events WHERE kind = :kind;

-- name: the_same :bulk
INSERT INTO events (kind, amount) VALUES ('a', 1);

-- name: upsert :bulk
INSERT INTO events (id, kind, amount) VALUES (:id, :kind, 1)
ON CONFLICT (id) DO UPDATE SET amount = :amount;

-- name: list :bulk
INSERT INTO events (kind, amount)
VALUES (:kind, (SELECT count(*) FROM events WHERE id IN (:ids)));

-- name: misspelt :bulk
INSERT INTO events (kind, amont) VALUES (:kind, :amount);
