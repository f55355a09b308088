-- name: newest :page
SELECT id, title FROM posts ORDER BY id DESC;

-- name: by_slug :page
SELECT * FROM posts ORDER BY slug;

-- name: of_author :page PostScore
-- The rowid is the end of the index.
SELECT p.id, p.score FROM posts AS p
WHERE p.author = :author AND (:minimum IS NULL OR p.score >= :minimum)
ORDER BY p.score, p.id;

-- name: of_authors :page PostScore
-- A shared row type, and an OR in the condition.
SELECT id, score FROM posts
WHERE author = :first OR author = :second -- not a filter
ORDER BY score DESC, id DESC;

-- name: mixed :page
SELECT id, title FROM posts ORDER BY title, id DESC;

-- name: published :page
-- The condition proves that the column is not NULL.
SELECT id AS post, published AS "published: jiff::civil::Date"
FROM posts WHERE published IS NOT NULL ORDER BY published DESC, post;

-- name: comments :page
SELECT p.title AS "post.title", c.post AS "post.id", c.number, c.body,
       (SELECT count(*) FROM comments AS other WHERE other.post = c.post) AS comments
FROM comments AS c JOIN posts AS p ON p.id = c.post
ORDER BY c.post /* all of a post together */ DESC, c.number DESC;

-- name: by_title :page
-- Sorted for each page: no index has this order.
SELECT id, title FROM posts WHERE author = :author ORDER BY title COLLATE BINARY, id;

-- name: sorted_scan :page
SELECT id, score FROM posts ORDER BY score, id;
