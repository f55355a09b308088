-- The scanned table is that of the subquery, not the outer one.
-- name: tagged :many
SELECT id, url FROM links WHERE id IN (SELECT link_id FROM link_tags WHERE tag_name = :tag);

-- name: tagged_exists :many
SELECT url FROM links l WHERE owner = :owner AND EXISTS (
    SELECT 1 FROM link_tags t WHERE t.tag_name = l.url
);

-- A column of another table is a searched value when that table is read first.
-- name: lent_by_author :many
SELECT b.title, l.day FROM books b JOIN loans l ON l.book = b.id WHERE b.id = :id;

-- name: lent_books :many
SELECT b.title, l.day FROM books b JOIN loans l ON l.book = b.id;

-- name: loan_counts :many
SELECT b.title, count(l.id) AS loans FROM books b LEFT JOIN loans l ON l.book = b.id GROUP BY b.id;

-- name: used :many
SELECT m.name, t.url FROM members m JOIN links t ON t.owner = m.name WHERE m.town = :town;

-- Equal columns first, then one range.
-- name: recent :many
SELECT id FROM loans WHERE day > :day AND member = :member AND returned = 0 AND book < 9;

-- name: either :many
SELECT id FROM loans WHERE day IN (:days) AND book > :book;

-- name: page :many
SELECT id FROM books WHERE author = :author AND (year, title) > (:year, :title) ORDER BY year, title;

-- name: same_table :many
SELECT a.id FROM books a JOIN books b ON b.title = a.title WHERE a.year = 1999;

-- name: joined_by_name :many
SELECT m.town FROM members m JOIN (SELECT name, count(*) AS n FROM members GROUP BY name) x USING (name);

-- The names need quotes.
-- name: lines_of :many
SELECT id FROM "order lines" WHERE "order" = :of AND "group" = :named;

-- The name of a new index is free.
-- name: notes_of :many
SELECT id FROM notes WHERE owner = :owner;

-- SQLite uses an index.
-- name: open_notes_of :many
SELECT id FROM notes WHERE owner = :owner AND deleted IS NULL;
-- name: notes_with :many
SELECT id FROM notes WHERE text = :text AND deleted = 1;
-- name: book :optional
SELECT title FROM books WHERE id = :id;

-- An index does not help.
-- name: computed :many
SELECT id FROM books WHERE +year = :year AND upper(title) = :title;
-- name: by_affinity :many
SELECT id FROM books WHERE isbn = :isbn COLLATE BINARY;
-- name: listed :many
SELECT id, title FROM books ORDER BY title;
-- name: either_column :many
SELECT id FROM books WHERE title = :text OR isbn = :text;

-- Neither a CTE nor a table function has an index.
-- name: counted :many
WITH books(author, n) AS (SELECT author, count(*) FROM main.books GROUP BY 1)
SELECT author, n FROM books WHERE n > :least;
-- name: listed_in :many
SELECT j.value FROM json_each(:list) j WHERE j.value > 3;

-- name: forget :exec
DELETE FROM loans WHERE member = :member AND book IN (SELECT id FROM books WHERE author = :author);
-- name: give_back :exec
UPDATE loans SET returned = 1 FROM members m WHERE m.id = loans.member AND m.name = :name;
-- name: copy :exec
INSERT INTO notes (owner, text) SELECT name, town FROM members WHERE town = :town;
-- name: nested :many
SELECT name, (SELECT count(*) FROM loans l WHERE l.member = m.id AND l.returned = 0) AS n
FROM members m;
-- name: schema_name :many
SELECT id FROM main.books WHERE title = :title;
