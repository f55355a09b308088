-- name: one :many
SELECT lenght(email) AS n, power(2, 3) AS p FROM users;
