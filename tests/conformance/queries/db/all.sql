-- name: add_user :one
INSERT INTO users (email, name, age, score, admin, avatar, anything)
VALUES (:email, :name, :age, :score, :admin, :avatar, :anything)
RETURNING *;

-- name: user_by_email :optional
SELECT * FROM users WHERE email = :email;

-- name: the_user :one
SELECT id, email FROM users WHERE email = :email;

-- name: users :many
SELECT id, email, name, age FROM users ORDER BY id;

-- name: users_in :many
SELECT email FROM users WHERE id IN (:ids) ORDER BY id;

-- name: users_named :many
SELECT email FROM users WHERE email IN (:emails) ORDER BY email;

-- name: search :many
-- An optional filter: without a name, everyone.
SELECT email FROM users WHERE (:name IS NULL OR name = :name) ORDER BY email LIMIT :limit;

-- name: rename :exec
UPDATE users SET name = :name WHERE email = :email;

-- name: add_post :exec
INSERT INTO posts (author, title) VALUES (:author, :title);

-- name: like_post :one
INSERT INTO posts (id, author, title) VALUES (:id, :author, :title)
ON CONFLICT (id) DO UPDATE SET likes = likes + 1
RETURNING likes;

-- name: posts_by_author :many
SELECT u.email, p.title, count(p.id) OVER (PARTITION BY u.id) AS written
FROM users u LEFT JOIN posts p ON p.author = u.id
ORDER BY u.email, p.id;

-- name: counts :one
SELECT count(*) AS users, max(age) AS oldest, total(score) AS score, EXISTS (SELECT 1 FROM posts) AS any_post FROM users;

-- name: numbers :one
-- How numbers cross: every parameter is a REAL.
SELECT typeof(:n + 0) AS kind, 5 / CAST(:n AS INTEGER) AS whole, 5 / :n AS ratio, :n * 2 AS twice FROM (SELECT 1) WHERE :n = 2;

-- name: real :one
SELECT CAST(:value AS REAL) AS value;

-- name: minify :one
SELECT json(:text) AS text;

-- name: matches :one
SELECT :name LIKE :pattern AS matches;

-- name: users_scored :many
SELECT email FROM users WHERE score IN (:scores) ORDER BY id;

-- name: add_loose :exec
INSERT INTO loose (id, number, text, flag) VALUES (:id, CAST(:number AS TEXT), :text, :flag);

-- name: loose :many
SELECT id, number, text, flag FROM loose ORDER BY id;

-- name: big :one
-- 2^53, which a double does not tell from 2^53 + 1.
SELECT 9007199254740992 AS value;

-- name: delete_user :exec
DELETE FROM users WHERE email = :email;

-- name: note :exec
INSERT INTO received (body, attempts) VALUES (:body, :attempts);

-- name: noted :many
SELECT body, attempts FROM received ORDER BY id;

-- name: delete_avatars_except :many :scalar
DELETE FROM users WHERE avatar NOT IN (:keep) RETURNING id;

-- name: users_among :many :scalar
SELECT id FROM users WHERE :ids IS NULL OR id IN (:ids) ORDER BY id;

-- name: rename_numbered :exec
UPDATE users SET name = ?2 WHERE id = ?1;

-- name: name_of :one :scalar
SELECT name FROM users WHERE id = :id;

-- name: email_of :optional :scalar
SELECT email FROM users WHERE id = :id;

-- name: count_users :one :scalar
SELECT count(*) FROM users;

-- name: posts_with_authors :many
SELECT u.id, u.email, p.title AS "post.title", p.likes AS "post.likes", p.id AS "post.id",
       u.name AS "author.name", u.admin AS "author.admin"
FROM users u LEFT JOIN posts p ON p.author = u.id ORDER BY u.id, p.id;
