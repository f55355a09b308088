-- name: file_by_id :optional
SELECT id, filename, note, CAST(id AS TEXT) AS "type", x'00' AS "self", 1.5 AS "Option", count(*) AS "n: u32" FROM files WHERE id IN (:ids) AND user_id = :user_id GROUP BY id;
