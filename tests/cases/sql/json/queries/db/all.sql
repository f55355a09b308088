-- name: lists :many
-- A list of objects in a subquery.
SELECT id, (SELECT json_group_array(json_object('id', t.id, 'name', t.name, 'weight', t.weight))
            FROM tags AS t WHERE t.user = users.id) AS tags
FROM users;

-- name: objects :many
-- Every type, as JSON has it.
SELECT json_object('id', id, 'userName', name, 'state', state, 'admin', admin, 'score', score,
                   'settings', settings, 'anything', anything, 'type', short, 'none', NULL,
                   'is it', id > 1, 'now', unixepoch(), 'raw', json(extra)) AS user
FROM users;

-- name: nested :many
-- Arrays and objects in objects, with and without the subtype of JSON.
SELECT json_object('label', label,
                   'tags', (SELECT json_group_array(name) FROM tags WHERE user = users.id),
                   'pair', json_array(id, score),
                   'weights', json((SELECT json_group_object(name, weight) FROM tags)),
                   'extra', json_extract(extra, '$.a'), 'arrow', extra -> '$.a',
                   'text', extra ->> '$.a') AS user
FROM users;

-- name: joined :many
-- The rows of an outer join, without those that it does not find.
SELECT users.id, json_group_array(json_object('id', t.id, 'name', t.name)) AS every_row,
       json_group_array(json_object('id', t.id, 'name', t.name)) FILTER (WHERE t.id IS NOT NULL) AS tags
FROM users LEFT JOIN tags AS t ON t.user = users.id GROUP BY users.id;

-- name: conditional :many
-- A condition narrows the object, but not the rows that an aggregate reads.
SELECT CASE WHEN t.id IS NOT NULL THEN json_object('id', t.id, 'name', t.name) END AS tag,
       CASE WHEN t.id IS NULL THEN NULL ELSE json_object('name', t.name) END AS other,
       iif(users.admin, json_array(1, 'a'), json_array(2, 'b')) AS same,
       iif(users.admin, json_array(1, 'a'), json_object('a', 1)) AS different
FROM users LEFT JOIN tags AS t ON t.user = users.id;

-- name: conditional_aggregate :many
SELECT CASE WHEN t.id IS NOT NULL THEN json_group_array(t.id) END AS ids
FROM users LEFT JOIN tags AS t ON t.user = users.id GROUP BY users.id;

-- name: relations :many
-- The content is known through views, CTEs and unions.
WITH named AS (SELECT id, json_object('id', id, 'name', name) AS named FROM users)
SELECT named, tags FROM named JOIN users_with_tags USING (id)
UNION ALL SELECT json_object('id', NULL, 'name', ''), json_array();

-- name: texts :many
-- Not typed: keys that are not literals, fields with one name, no content, an application's type.
SELECT json_object(name, 1) AS a, json_object('a', 1, 'A', 2) AS b, json('[]') AS c,
       json_array() AS d, json_array(1) AS "e: String", json_set(json_array(1), '$[0]', 2) AS f,
       json_array(1) || '' AS g, jsonb_array(1) AS h
FROM users;

-- name: items :many
SELECT json_group_array(json_array(value, key)) AS pairs FROM json_each(:json);

-- name: tag_names :one :scalar
-- The JSON of a value is a text.
SELECT json_group_array(name) FROM tags;

-- name: in_struct :many
SELECT id AS "user.id", json_array(id, name) AS "user.pair" FROM users;

-- name: changed :one
UPDATE users SET name = :name WHERE id = :id RETURNING json_object('id', id, 'name', name) AS user;

-- name: recursive :many
WITH RECURSIVE c (x, n) AS (
    SELECT json_object('c', NULL), 0 UNION ALL SELECT json_object('c', x), n + 1 FROM c WHERE n < 9
)
SELECT x FROM c;

-- name: blobs :many
SELECT json_object('avatar', avatar) AS user, json_group_array(hex(avatar)) AS all_users FROM users;

-- name: returned :one
-- SQLite still knows that the new value is JSON, so it is not a text.
UPDATE users SET name = json_array(1), extra = :extra WHERE id = :id RETURNING json_object('name', name, 'extra', extra) AS user;

-- name: of_no_rows :one
-- Without rows, SQLite evaluates the subquery over NULLs.
SELECT count(*) AS users, inner.user AS last FROM (SELECT json_array(id) AS user FROM users) AS inner;
