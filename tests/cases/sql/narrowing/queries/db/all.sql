-- name: inserted :one
INSERT INTO books (author, title, pages, meta) VALUES (:author, :title, 5, '{}') RETURNING pages, note, title;
-- name: inserted_option :one
INSERT INTO books (author, title, pages, note, meta) VALUES (:author, :title, :pages, NULL, '{}') RETURNING pages, note;
-- name: upserted :one
INSERT INTO authors (id, name, age, score) VALUES (:id, :name, 5, 1.5) ON CONFLICT (id) DO UPDATE SET age = excluded.age RETURNING age, score;
-- name: updated :optional
UPDATE authors SET age = 5, bio = :bio, score = score + 1 WHERE id = :id RETURNING age, bio, score;
-- name: updated_by_a_trigger :optional
UPDATE audited SET n = 5 WHERE id = :id RETURNING n;
-- name: numbers :many
SELECT ceil(score) AS a, exp(score) AS b, sign(age) AS c, mod(age, 2) AS d, mod(age, 0) AS e, sqrt(score) AS f, trunc(name) AS g FROM authors WHERE score > 0 AND age > 0;
-- name: having :many
SELECT age, max(score) AS most FROM authors GROUP BY age HAVING age > 3 AND max(score) > 1;
-- name: having_a_row :many
SELECT b.author, b.title, count(*) AS n FROM authors a LEFT JOIN books b ON b.author = a.id GROUP BY b.author HAVING b.author IS NOT NULL;
-- name: joined_through :many
SELECT b.title, l.day FROM authors a LEFT JOIN books b ON b.author = a.id LEFT JOIN loans l ON l.book = b.id WHERE l.day > :day;
-- name: siblings :many
SELECT b.title, l.day FROM authors a LEFT JOIN (books b JOIN loans l ON l.book = b.id) ON b.author = a.id WHERE l.day > :day;
-- name: siblings_of_a_view :many
SELECT name, title, pages, book FROM shelf WHERE pages > 100;
-- name: siblings_of_a_subquery :many
SELECT name, title, pages FROM (SELECT * FROM shelf) WHERE book = :book;
-- name: not_through_a_full_join :many
SELECT a.name, b.title, l.day FROM authors a FULL JOIN books b ON b.author = a.id LEFT JOIN loans l ON l.book = a.id WHERE l.day > :day;
-- name: is_a_value :many
SELECT age, score, bio FROM authors WHERE age IS 5 AND score IS TRUE AND bio IS :bio;
-- name: row_values :many
SELECT age, score FROM authors WHERE (age, score) = (1, 2.5);
-- name: row_values_in :many
SELECT age, bio FROM authors WHERE (age, bio) IN (VALUES (1, 'a'));
-- name: row_values_less :many
SELECT age, score FROM authors WHERE (age, score) < (1, 2.5);
-- name: not_both :many
SELECT age, score FROM authors WHERE NOT (age > 1 AND age < 5) AND NOT (score > 1 AND bio > 'a');
-- name: json :many
SELECT json_set(meta, '$.a', NULL) AS a, json_insert(meta, :path, 1) AS b, json_remove(meta, '$') AS c, json_array_length(meta) AS d, json_type(meta, '$.a') AS e FROM books;
-- name: divisors :many
SELECT author, sum(id) / count(*) AS a, 1 / -2 AS b, 5 % 0x10 AS c, 7 / max(author, 1) AS d, 7 % max(author, 0.5) AS e FROM books GROUP BY author;
-- name: ungrouped_count :one
SELECT 7 / count(*) AS a FROM books;
-- name: intersection :many
SELECT bio FROM authors INTERSECT SELECT title FROM books;
-- name: difference :many
SELECT title FROM books EXCEPT SELECT bio FROM authors;
-- name: difference_of_nullable :many
SELECT bio FROM authors EXCEPT SELECT title FROM books;
