-- name: one :exec
INSERT INTO users (name) VALUES (:name);
-- name: two :exec
INSERT INTO users (email, name) VALUES (:email);
-- name: three :exec
INSERT INTO users (email, nmae) VALUES (:email, :name);
-- name: four :exec
INSERT INTO keyed (code, twice) VALUES (:code, 1);
-- name: five :exec
UPDATE users SET email = NULL WHERE id = 1;
