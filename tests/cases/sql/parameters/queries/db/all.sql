-- name: compared :many
SELECT id FROM users WHERE email = :email AND age >= :age AND score < :score AND admin = :admin;
-- name: optional :many
SELECT id FROM users WHERE (:name IS NULL OR name = :name) AND age IS :age;
-- name: slices :many
SELECT id FROM users WHERE id IN (:ids) AND email NOT IN (:emails);
-- name: limits :many
SELECT id FROM users LIMIT :limit OFFSET :offset;
-- name: patterns :many
SELECT id FROM users WHERE name LIKE :pattern || '%' AND email GLOB :glob;
-- name: unnamed :many
SELECT id FROM users WHERE email = ? AND age BETWEEN ? AND ?;
-- name: numbered :many
SELECT id FROM users WHERE email = ?2 OR name = ?2 OR id = ?1;
-- name: arms :one
SELECT CASE WHEN admin THEN :yes ELSE name END AS a, coalesce(:first, name) AS b, id + :plus AS c, CAST(:text AS TEXT) AS d FROM users WHERE id = 1;
-- name: both_sides :many
SELECT id FROM users WHERE :a = :b AND :b = id;
-- name: in_functions :many
SELECT id FROM users WHERE length(:text) > age AND abs(:number) < score;
-- name: numbered_update :exec
UPDATE users SET name = ?2 WHERE id = ?1;
-- name: numbered_and_named :many
SELECT id FROM users WHERE email = :email AND age = ?2 OR name = ?1;
-- name: lists :many
SELECT code FROM keyed WHERE blob NOT IN (:blobs) OR any IN (:values) OR price IN (:prices) OR code IN (:codes);
-- name: flags :many
SELECT id FROM users WHERE admin IN (:flags) AND score IN (:scores);
-- name: fractions :many
SELECT id FROM users WHERE score > :r * 2 AND score < :max + 1 AND :lo - 1 < score AND score BETWEEN :a - 1 AND :b + 1;
-- name: whole :many
SELECT id FROM users WHERE age > :r * 2 AND age < :max + 1;
-- name: texts :one
SELECT concat(:a, :b) AS ab, concat_ws(:separator, :c) AS c;
-- name: excerpts :many
SELECT snippet(notes, 0, :before, :after, '...', :tokens) AS excerpt FROM notes(:query);
-- name: several_numbers :many
SELECT id FROM users WHERE age = :n OR score = :n OR admin = :n;
-- name: sentinel :many
SELECT id FROM users WHERE ?1 = -1 OR score = ?1;
-- name: stored_and_compared :exec
UPDATE users SET age = :n WHERE score > :n;
-- name: optional_list :many
SELECT id FROM users WHERE :ids IS NULL OR id IN (:ids);
-- name: optional_texts :many
SELECT id FROM users WHERE (:emails IS NULL OR email IN (:emails)) AND (:keys IS NULL OR EXISTS (SELECT 1 FROM keyed WHERE blob IN (:keys)));
