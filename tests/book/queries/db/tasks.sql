-- name: add_user :one
INSERT INTO users (name) VALUES (:name) RETURNING id;

-- name: add_task :one Task
INSERT INTO tasks (owner, title, labels, due) VALUES (:owner, :title, :labels, :due)
RETURNING id, owner, title, state, urgent, labels, due;

-- name: tasks :many Task
SELECT id, owner, title, state, urgent, labels, due FROM tasks
WHERE owner = :owner AND (:state IS NULL OR state = :state)
ORDER BY CASE :sort WHEN 'title' THEN title WHEN 'due' THEN due END, id;

-- name: tasks_by_ids :many Task
SELECT id, owner, title, state, urgent, labels, due FROM tasks WHERE id IN (:ids);

-- name: tasks_in_states :many Task
SELECT id, owner, title, state, urgent, labels, due FROM tasks
WHERE owner = :owner AND (:states IS NULL OR state IN (:states));

-- name: last_due :many
SELECT users.name, max(tasks.due) AS "due: jiff::Timestamp", count(tasks.id) AS tasks
FROM users LEFT JOIN tasks ON tasks.owner = users.id
GROUP BY users.id;

-- name: count_tasks :one :scalar
SELECT count(*) FROM tasks WHERE owner = :owner AND state = :state;

-- name: rename_task :exec :params
UPDATE tasks SET title = :title WHERE id = :id;

-- name: move_task :exec :positional
UPDATE tasks SET owner = :owner, state = :state, due = :due WHERE id = :id;

-- name: search_tasks :many
SELECT id, title, state FROM tasks
WHERE owner = :owner
  AND (:state IS NULL OR state = :state)
  AND (:ids IS NULL OR id IN (:ids))
  AND (:from IS NULL OR :to IS NULL OR due BETWEEN :from AND :to)
ORDER BY CASE :sort WHEN 'title' THEN title WHEN 'due' THEN due END, id
LIMIT :limit;

-- name: edit_task :optional :patch
UPDATE tasks SET title = :title, state = :state, due = :due WHERE id = :id
RETURNING title, due;

-- name: tasks_of :page
SELECT id, title, state, due FROM tasks
WHERE owner = :owner AND (:state IS NULL OR state = :state)
ORDER BY id DESC;

-- name: users_with_tasks :many
SELECT users.name, (
    SELECT json_group_array(json_object('title', title, 'urgent', urgent, 'due', due) ORDER BY id)
    FROM tasks WHERE tasks.owner = users.id
) AS tasks
FROM users;

-- name: users_with_last_tasks :many
SELECT users.name, (
    SELECT json_group_array(json_object('id', id, 'title', title))
    FROM (SELECT id, title FROM tasks WHERE tasks.owner = users.id ORDER BY id DESC LIMIT 3)
) AS tasks
FROM users;

-- name: tasks_with_owners :many
SELECT tasks.id, tasks.title, users.id AS "owner.id", users.name AS "owner.name"
FROM tasks LEFT JOIN users ON users.id = tasks.owner;

-- name: add_users :bulk
INSERT INTO users (name) VALUES (lower(:name)) ON CONFLICT (name) DO NOTHING;
