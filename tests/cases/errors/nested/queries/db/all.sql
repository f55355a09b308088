-- name: column_and_struct :many
SELECT b.author, a.name AS "author.name" FROM books b JOIN authors a ON a.id = b.author;
-- name: twice :many
SELECT a.bio AS "author.name", a.name AS "author.name" FROM authors a;
-- name: books :many
SELECT a.name AS "author.name" FROM authors a;
-- name: books_author :many
SELECT a.name FROM authors a;
-- name: unquoted :many
SELECT id AS author.id FROM authors;
