-- name: optional :many
SELECT b.id, b.title, a.id AS "author.id", a.name AS "author.name", a.bio AS "author.bio" FROM books b LEFT JOIN authors a ON a.id = b.author;
-- name: required :many
SELECT b.id, a.name AS "author.name", a.bio AS "author.bio" FROM books b JOIN authors a ON a.id = b.author;
-- name: without_a_key :many
SELECT b.id, a.bio AS "author.bio", a.score AS "author.score" FROM books b LEFT JOIN authors a ON a.id = b.author;
-- name: of_two_relations :many
SELECT b.id, a.name AS "mixed.name", b.title AS "mixed.title" FROM books b LEFT JOIN authors a ON a.id = b.author;
-- name: through_a_view :many
SELECT id, author_id AS "author.id", name AS "author.name" FROM shelf;
-- name: marked :many
SELECT a.name AS "author.name?: crate::AuthorName", a.id AS "author.id" FROM books b LEFT JOIN authors a ON a.id = b.author;
-- name: narrowed :many
SELECT a.name AS "author.name", a.bio AS "author.bio" FROM books b LEFT JOIN authors a ON a.id = b.author WHERE a.name > 'a';
