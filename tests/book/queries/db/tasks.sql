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
