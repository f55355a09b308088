-- name: partial :optional
SELECT id FROM users WHERE email = :email AND "Deleted_At" is null AND (org > 0);
-- name: partial_qualified :optional
SELECT u.id FROM users u WHERE u.email = :email AND u.deleted_at IS NULL AND u.org > 0;
-- name: partial_not_implied :optional
SELECT id FROM users WHERE email = :email AND deleted_at IS NULL;
-- name: partial_not_null :optional
SELECT id FROM users WHERE deleted_at = :at;
-- name: row_value :optional
SELECT id FROM users WHERE (org, slug) = (:org, :slug);
-- name: latest :optional
SELECT email FROM users WHERE id = (SELECT max(id) FROM profiles);
-- name: correlated :optional
SELECT email FROM users u WHERE id = (SELECT max(p.id) FROM profiles p WHERE p.id < u.org);
-- name: one_row_cte :optional
WITH wanted AS (SELECT CAST(:id AS INTEGER) AS id) SELECT email FROM users JOIN wanted ON users.id = wanted.id;
-- name: one_row_subquery :optional
SELECT email FROM (SELECT max(id) AS last FROM profiles) m JOIN users ON users.id = m.last;
-- name: many_row_cte :optional
WITH wanted AS (SELECT id FROM profiles) SELECT email FROM users JOIN wanted ON users.id = wanted.id;
-- name: using_join :optional
SELECT email, bio FROM users JOIN profiles USING (id) WHERE id = :id;
-- name: natural :optional
SELECT email, bio FROM users NATURAL LEFT JOIN profiles WHERE users.id = :id;
-- name: is_literal :optional
SELECT email FROM users WHERE id IS 5;
-- name: in_one :optional
SELECT email FROM users WHERE id IN (5);
-- name: in_list :optional
SELECT email FROM users WHERE id IN (:ids);
-- name: one_group :optional
SELECT u.email, count(p.id) AS profiles FROM users u LEFT JOIN profiles p ON p.id > u.org WHERE u.org = :org AND u.slug = :slug GROUP BY u.id;
-- name: one_group_of_two_columns :optional
SELECT u.email, count(p.id) AS profiles FROM users u JOIN profiles p ON p.id > u.org WHERE u.id = :id GROUP BY u.id, u.email;
-- name: groups_of_another_table :optional
SELECT u.email, count(p.id) AS profiles FROM users u JOIN profiles p ON p.id > u.org WHERE u.id = :id GROUP BY u.id, p.bio;
-- name: groups_with_null :optional
SELECT u.email, count(p.id) AS profiles FROM profiles p LEFT JOIN users u ON u.id = :id AND u.org = p.id GROUP BY u.id;
-- name: groups_of_a_number :optional
SELECT u.email, count(p.id) AS profiles FROM users u JOIN profiles p ON p.id > u.org WHERE u.id = :id GROUP BY 1;
