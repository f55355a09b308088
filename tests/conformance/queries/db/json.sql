-- name: fill_items :exec
INSERT INTO items (id, name, kind, ready, size, note, parent, settings) VALUES
    (1, 'a "quoted" \ name', 'big', 1, 0.1, NULL, NULL, '{"deep":[1,{"a":null}]}'),
    (2, char(0, 10, 31) || 'é😀', 'small', 0, NULL, '[1]', 1, '5'),
    (3, '', 'small', 1, -1e300, '', 1, '"text"'),
    (9007199254740993, 'large', 'big', 0, 5, 'n', 2, '{}');

-- name: item_trees :many
-- One statement in place of one for each item.
SELECT id, json((SELECT json_group_array(json_object(
               'id', child.id, 'name', child.name, 'kind', child.kind, 'ready', child.ready,
               'size', child.size, 'note', child.note, 'settings', child.settings,
               'raw', json(child.settings), 'label', child.label) ORDER BY child.id)
           FROM items AS child WHERE child.parent = items.id)) AS children
FROM items WHERE id < 3 ORDER BY id;

-- name: nested_json :many
-- A subquery keeps or loses the subtype of JSON; the content is the same.
SELECT json_object('direct', json_array(id, size),
                   'subquery', (SELECT json_group_array(note) FROM items AS child WHERE child.parent = items.id),
                   'map', (SELECT json_group_object('k' || id, size) FROM items AS child WHERE child.parent = items.id)) AS item,
       CASE WHEN parent IS NOT NULL THEN json_object('parent', parent) END AS parent
FROM items WHERE id < 4 ORDER BY id;

-- name: owners_with_items :many
SELECT owner.id, json_group_array(json_object('id', item.id, 'name', item.name) ORDER BY item.id) FILTER (WHERE item.id IS NOT NULL) AS items
FROM items AS owner LEFT JOIN items AS item ON item.parent = owner.id
WHERE owner.id < 4 GROUP BY owner.id ORDER BY owner.id;

-- name: infinite_json :one
SELECT json_object('infinite', 9e999) AS value;

-- name: item_names :one :scalar
SELECT json_group_array(name ORDER BY id) FROM items;

-- name: untyped_json :one
SELECT json_object('loose', loose.number) AS value FROM loose WHERE id = :id;
