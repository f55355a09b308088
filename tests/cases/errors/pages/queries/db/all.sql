-- name: without_order :page
SELECT id FROM posts;

-- name: compound :page
SELECT id FROM posts UNION SELECT post FROM comments ORDER BY id;

-- name: written :page
DELETE FROM posts WHERE id = :id RETURNING id;

-- name: limited :page
SELECT id FROM posts ORDER BY id LIMIT 10;

-- name: grouped :page
SELECT author, count(*) AS posts FROM posts GROUP BY author ORDER BY author;

-- name: windowed :page
SELECT id, row_number() OVER (ORDER BY id) AS place FROM posts ORDER BY id;

-- name: not_total :page
SELECT id, title FROM posts ORDER BY title;

-- name: joined :page
SELECT p.id, c.number FROM posts AS p JOIN comments AS c ON c.post = p.id ORDER BY p.id;

-- name: through_a_subquery :page
SELECT id FROM (SELECT id FROM posts) AS p ORDER BY id;

-- name: not_selected :page
SELECT id FROM posts ORDER BY slug;

-- name: may_be_null :page
SELECT id, published FROM posts ORDER BY published, id;

-- name: by_expression :page
SELECT id, lower(title) AS title FROM posts ORDER BY title, length(slug), id;

-- name: chosen_order :page
SELECT id, slug FROM posts ORDER BY CASE :sort WHEN 'slug' THEN slug WHEN 'id' THEN id END;

-- name: by_position :page
SELECT id FROM posts ORDER BY 1;

-- name: patched :page :patch
SELECT id FROM posts ORDER BY id;

-- name: without_rows :page
UPDATE posts SET title = :title WHERE id = :id;

-- name: not_total_descending :page
SELECT id, title FROM posts ORDER BY title DESC;

-- name: outer_join :page
SELECT p.id, c.number FROM posts AS p LEFT JOIN comments AS c ON c.post = p.id ORDER BY p.id, c.number;
