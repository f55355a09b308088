-- name: add_task :one Task
INSERT INTO tasks (owner, title, state, urgent, labels, due) VALUES (:owner, :title, :state, :urgent, :labels, :due)
RETURNING id, owner, title, state, urgent, labels, due;

-- name: tasks_in :many Task
SELECT id, owner, title, state, urgent, labels, due FROM tasks
WHERE state IN (:states) AND (:owner IS NULL OR owner = :owner)
ORDER BY CASE :sort WHEN 'title' THEN title WHEN 'due' THEN due END, id;

-- name: finish :optional Task
UPDATE tasks SET state = 'done' WHERE id = :id RETURNING id, owner, title, state, urgent, labels, due;

-- name: tasks_of :many
SELECT tasks.id FROM tasks WHERE owner IN (:owners) ORDER BY id;
