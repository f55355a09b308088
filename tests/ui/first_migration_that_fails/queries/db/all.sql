-- name: user :optional
SELECT id, email, role, created_at FROM users WHERE id = :id;

-- name: users_of :many User
SELECT id, email, role, created_at FROM users WHERE role = :role;

-- name: begin_upload :one
INSERT INTO uploads (user_id, name, size, state, note) VALUES (:user_id, :name, :size, :state, :note)
RETURNING id;

-- name: upload :optional
SELECT u.id, u.name, u.size, u.state, u.note, o.email FROM uploads u JOIN users o ON o.id = u.user_id
WHERE u.id = :id;

-- name: parts :many
SELECT * FROM parts WHERE upload = :upload;

-- name: total :one :scalar
SELECT total(size) FROM uploads WHERE user_id = :user;

-- name: emails :many :scalar
SELECT email FROM users WHERE id IN (:ids);

-- name: finish :exec
UPDATE uploads SET state = 'done' WHERE id = :id;
