-- name: sorted :many Task
SELECT id, titel, state FROM tasks WHERE state = :state ORDER BY CASE :sort WHEN 'title' THEN title WHEN 'id' THEN id END;

-- name: one :optional Task
SELECT id, title, state FROM tasks WHERE id = :id;

-- name: tasks_state :many
SELECT state FROM tasks;
