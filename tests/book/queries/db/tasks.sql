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

-- name: last_due :many
SELECT users.name, max(tasks.due) AS "due: jiff::Timestamp", count(tasks.id) AS tasks
FROM users LEFT JOIN tasks ON tasks.owner = users.id
GROUP BY users.id;
