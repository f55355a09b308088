//! The move of the rows of some keys from one database to another.
//!
//! A group of keys moves in these steps, each one transaction:
//!
//! 1. The source marks the keys as `moving`. From then on, queries for them fail there.
//! 2. The target deletes what an earlier attempt has copied, and marks the keys as `copying`. It
//!    must have no other rows of them.
//! 3. The rows are copied.
//! 4. The target marks the keys as `arrived`. From then on, queries for them run there.
//! 5. The source deletes the rows and marks the keys as `moved`.
//!
//! A mover that stops between two steps leaves marks from which the next one continues.

use super::Node;
use super::marks::{self, IS_MINE, is_mine, is_of_keys};
use super::mover::{Key, explain, failed, query};
use crate::d1::backup::{Inserts, Selection, Table, quoted};
use crate::d1::{D1, Exec, Query};
use crate::error::Result;

/// The rows of the keys of one database.
pub(super) struct Rows<'a> {
    pub(super) source: (Node, &'a D1),
    pub(super) key: &'static [(&'static str, &'static str)],
    /// The tables with a key, each after those that it refers to.
    pub(super) tables: Vec<Table>,
    /// Statements that fail if rows of other keys refer to those of some keys.
    pub(super) checks: Vec<String>,
    /// The id of the mover.
    pub(super) owner: &'a str,
}

impl Rows<'_> {
    /// Moves the rows of some keys to one database. Returns the number of rows.
    pub(super) async fn move_to(&self, target: &D1, keys: &[String]) -> Result<u64> {
        let keys = &json(keys);
        self.mark_as_moving(keys).await?;

        // An earlier mover can have copied them.
        let sql = "SELECT key FROM _bindery_moves WHERE state = 'arrived' AND key IN (SELECT value \
                   FROM json_each(?1))";
        let arrived = query(target, sql).bind(keys.as_str()).all::<Key>().await?;
        let arrived: Vec<String> = arrived.into_iter().map(|Key(key)| key).collect();
        let rest = without(keys, &arrived);
        let copied = match self.copy(target, &rest).await {
            Ok(rows) => rows,
            Err(error) => {
                // Otherwise nobody could use these keys until the next mover. If it fails, the
                // first error is more helpful.
                let _ = self.undo(target, &rest).await;
                return Err(error);
            }
        };
        self.delete(keys).await?;
        Ok(copied)
    }

    /// The first step.
    async fn mark_as_moving(&self, keys: &str) -> Result<()> {
        let (node, source) = self.source;
        let rows = self.key.iter().map(|(table, column)| {
            let (table, column) = (quoted(table), quoted(column));
            format!("EXISTS (SELECT 1 FROM {table} WHERE {column} = _bindery_moves.key)")
        });
        let sql = format!(
            "SELECT key FROM _bindery_moves WHERE state = 'moved' AND key IN (SELECT value FROM \
             json_each(?1)) AND ({}) LIMIT 1",
            rows.collect::<Vec<_>>().join(" OR ")
        );
        let stray = query(source, sql).bind(keys).optional::<Key>().await?;
        if stray.is_some() {
            let message = format!(
                "rows of keys that had left {} were written to it: a deployed version does not \
                 know the databases that are joining",
                node.name
            );
            return Err(failed(source, message));
        }

        let sql = "INSERT OR IGNORE INTO _bindery_moves SELECT 'moving', value, NULL FROM \
                   json_each(?1)";
        let mark = query(source, sql).bind(keys).execute();
        let all = (self.is_mine(source), self.checks(keys), mark);
        let marked = source.batch(all).await;
        marked.map_err(|error| explain(source, error))?;
        Ok(())
    }

    /// Fails if rows of other keys refer to those of the keys.
    fn checks(&self, keys: &str) -> Vec<Query<'_, Exec>> {
        let (_, source) = self.source;
        let checks = self.checks.iter();
        let check = |sql: &String| query(source, sql.clone()).bind(keys.to_owned()).execute();
        checks.map(check).collect()
    }

    /// The second, the third and the fourth step.
    async fn copy(&self, target: &D1, keys: &str) -> Result<u64> {
        let (_, source) = self.source;
        let again = "(SELECT key FROM _bindery_moves WHERE state = 'copying' AND key IN (SELECT \
                     value FROM json_each(?1)))";
        let delete = self.delete_where(target, keys, |column| {
            format!("{} IN {again}", quoted(column))
        });
        let sql = "INSERT OR IGNORE INTO _bindery_moves SELECT 'copying', value, NULL FROM \
                   json_each(?1)";
        let mark = query(target, sql).bind(keys.to_owned()).execute();
        let free = self.is_free(target, keys);
        let start = target
            .batch((self.is_mine(target), delete, free, mark))
            .await;
        start.map_err(|error| explain(target, error))?;

        let mut counts = Vec::new();
        let mut inserts = Inserts::new(target).check(IS_MINE, self.owner.to_owned());
        for table in &self.tables {
            let Some(column) = self.key_of(table) else {
                continue;
            };
            inserts
                .table(table.name.clone(), table.columns.clone())
                .await
                .map_err(|error| explain(target, error))?;
            let (mut after, mut count) = (Vec::new(), 0);
            loop {
                let selection = Selection {
                    column,
                    values: keys,
                };
                let lines = table.page(source, &after, Some(selection)).await?;
                let Some(last) = lines.last() else { break };
                after = last.key.clone();
                count += lines.len();
                for line in lines {
                    let added = inserts.add(line.values).await;
                    added.map_err(|error| explain(target, error))?;
                }
            }
            counts.push(has_rows(target, table, (column, keys), count));
        }
        let rest = inserts.flush().await;
        rest.map_err(|error| explain(target, error))?;

        let sql = "INSERT INTO _bindery_moves SELECT 'arrived', value, NULL FROM json_each(?1)";
        let arrived = query(target, sql).bind(keys.to_owned()).execute();
        let sql = "DELETE FROM _bindery_moves WHERE state = 'copying' AND key IN (SELECT value \
                   FROM json_each(?1))";
        let copied = query(target, sql).bind(keys.to_owned()).execute();
        let all = (self.is_mine(target), counts, arrived, copied);
        let end = target.batch(all).await;
        end.map_err(|error| explain(target, error))?;
        Ok(inserts.imported.rows)
    }

    /// Lets the keys stay, if they have not arrived.
    async fn undo(&self, target: &D1, keys: &str) -> Result<()> {
        let (_, source) = self.source;
        let sql = marks::check(
            "NOT EXISTS (SELECT 1 FROM _bindery_moves WHERE state = 'arrived' AND key IN (SELECT \
             value FROM json_each(?1)))",
            "arrived",
        );
        let check = query(target, sql).bind(keys.to_owned()).execute();
        let of_keys = "IN (SELECT key FROM _bindery_moves WHERE state = 'copying' AND key IN \
                       (SELECT value FROM json_each(?1)))";
        let delete = self.delete_where(target, keys, |column| {
            format!("{} {of_keys}", quoted(column))
        });
        let sql = "DELETE FROM _bindery_moves WHERE state = 'copying' AND key IN (SELECT value \
                   FROM json_each(?1))";
        let mark = query(target, sql).bind(keys.to_owned()).execute();
        // What this mover has sent and the target has not run yet fails from now on.
        let end = query(target, "DELETE FROM _bindery_moves WHERE state = 'mover'").execute();
        let all = (self.is_mine(target), check, delete, mark, end);
        target.batch(all).await?;

        let sql = "DELETE FROM _bindery_moves WHERE state = 'moving' AND key IN (SELECT value FROM \
                   json_each(?1))";
        let mark = query(source, sql).bind(keys.to_owned()).execute();
        source.batch((self.is_mine(source), mark)).await?;
        Ok(())
    }

    /// The fifth step.
    async fn delete(&self, keys: &str) -> Result<()> {
        let (_, source) = self.source;
        let delete = self.delete_where(source, keys, is_of_keys);
        let sql = "UPDATE OR REPLACE _bindery_moves SET state = 'moved' WHERE state = 'moving' AND key IN \
                   (SELECT value FROM json_each(?1))";
        let mark = query(source, sql).bind(keys.to_owned()).execute();
        let all = (self.is_mine(source), self.checks(keys), delete, mark);
        let deleted = source.batch(all).await;
        deleted.map_err(|error| explain(source, error))?;
        Ok(())
    }

    /// Deletes rows from each table, those that refer to others first.
    fn delete_where<'d>(
        &self,
        database: &'d D1,
        keys: &str,
        condition: impl Fn(&str) -> String,
    ) -> Vec<Query<'d, Exec>> {
        let defer = query(database, "PRAGMA defer_foreign_keys = on").execute();
        let tables = self.tables.iter().rev();
        let deletes = tables.filter_map(|table| {
            let condition = condition(self.key_of(table)?);
            let sql = format!("DELETE FROM {} WHERE {condition}", quoted(&table.name));
            Some(query(database, sql).bind(keys.to_owned()).execute())
        });
        std::iter::once(defer).chain(deletes).collect()
    }

    /// Fails if a database has rows of the keys.
    fn is_free<'d>(&self, database: &'d D1, keys: &str) -> Vec<Query<'d, Exec>> {
        let checks = self.key.iter().map(|(table, column)| {
            let rows = format!(
                "NOT EXISTS (SELECT 1 FROM {} WHERE {})",
                quoted(table),
                is_of_keys(column)
            );
            let sql = marks::check(&rows, "the new database has rows of these keys already");
            query(database, sql).bind(keys.to_owned()).execute()
        });
        checks.collect()
    }

    pub(super) fn is_mine<'d>(&self, database: &'d D1) -> Query<'d, Exec> {
        is_mine(database, self.owner)
    }

    /// The column of a table with the key.
    fn key_of(&self, table: &Table) -> Option<&'static str> {
        let mut tables = self.key.iter();
        let found = tables.find(|(name, _)| name.eq_ignore_ascii_case(&table.name));
        found.map(|(_, column)| *column)
    }
}

/// Fails if a table does not have as many rows of the keys as were copied: a trigger can skip rows
/// silently.
fn has_rows<'d>(
    database: &'d D1,
    table: &Table,
    (column, keys): (&str, &str),
    count: usize,
) -> Query<'d, Exec> {
    let rows = format!(
        "(SELECT count(*) FROM {} WHERE {}) = {count}",
        quoted(&table.name),
        is_of_keys(column)
    );
    let sql = marks::check(&rows, "not every row could be inserted");
    query(database, sql).bind(keys.to_owned()).execute()
}

/// Texts as a JSON array.
fn json(texts: &[String]) -> String {
    serde_json::to_string(texts).unwrap_or_default()
}

/// The texts of a JSON array without some.
fn without(keys: &str, removed: &[String]) -> String {
    if removed.is_empty() {
        return keys.to_owned();
    }
    let mut keys: Vec<String> = crate::json::parse(keys).unwrap_or_default();
    keys.retain(|key| !removed.contains(key));
    json(&keys)
}
