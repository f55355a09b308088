-- name: add_account :exec
INSERT INTO accounts (id, name) VALUES (:id, :name);

-- name: add_accounts :bulk
INSERT INTO accounts (id, name) VALUES (:id, :name);

-- name: add_entry :exec
INSERT INTO entries (id, account_id, parent_id, amount, payload)
VALUES (:id, :account, :parent, :amount, :payload);

-- name: add_entries :bulk
INSERT INTO entries (id, account_id, amount) VALUES (:id, :account, :amount);

-- name: entries_of :many
SELECT id, account_id, parent_id, amount, payload FROM entries WHERE account_id = :account ORDER BY id;

-- name: account_name :optional :scalar
SELECT name FROM accounts WHERE id = :id;

-- name: count_accounts :one :scalar
SELECT count(*) AS count FROM accounts;

-- name: count_entries :one :scalar
SELECT count(*) AS count FROM entries;

-- name: sums :many
SELECT account_id, count(*) AS count, sum(amount) AS total FROM entries GROUP BY account_id ORDER BY account_id;

-- name: account_ids :many :scalar
SELECT id FROM accounts ORDER BY id;

-- name: remove_account :exec
DELETE FROM accounts WHERE id = :id;

-- name: add_visit :exec
INSERT INTO visits (account, page) VALUES (:account, :page);

-- name: visited_accounts :many :scalar
SELECT DISTINCT account FROM visits ORDER BY account;
