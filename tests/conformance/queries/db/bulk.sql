-- name: add_users :bulk
INSERT INTO users (email, name, age, score, admin, avatar, anything)
VALUES (:email, :name, :age, :score, :admin, :avatar, :anything);

-- name: save_users :bulk
-- The rows that exist get other names.
INSERT INTO users (email, name) VALUES (lower(:email), :name || '!')
ON CONFLICT (email) DO UPDATE SET name = excluded.name;

-- name: add_halves :bulk
-- D1 binds a number as REAL, so the half of 5 is 2.5.
INSERT INTO users (email, anything) VALUES (:email, :number / 2);

-- name: add_posts :bulk
INSERT INTO posts (author, title) VALUES ((SELECT id FROM users WHERE email = :email), :title);
