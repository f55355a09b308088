-- name: add :one
INSERT INTO users (email, name, age) VALUES (:email, :name, :age) RETURNING id, name, score;
-- name: add_all :exec
INSERT INTO tags VALUES (:post, :tag);
-- name: add_default :exec
INSERT INTO keyed DEFAULT VALUES;
-- name: add_from :exec
INSERT INTO posts (author, title) SELECT id, :title FROM users WHERE admin;
-- name: upsert :one
INSERT INTO users (email, name) VALUES (:email, :name)
ON CONFLICT (email) DO UPDATE SET name = coalesce(excluded.name, name), age = :age WHERE age IS NOT NULL
RETURNING name, age;
-- name: change :many
UPDATE users SET name = :name, score = score + :by WHERE id = :id AND name IS NOT NULL RETURNING name, score;
-- name: change_from :exec
UPDATE posts SET likes = likes + u.id FROM users u WHERE u.id = posts.author AND u.email = :email;
-- name: change_row :exec
UPDATE posts SET (title, body) = (:title, :body) WHERE id = :id;
-- name: remove :many
DELETE FROM posts WHERE body IS NOT NULL RETURNING body;
-- name: replace_user :exec
REPLACE INTO users (id, email) VALUES (:id, :email);
