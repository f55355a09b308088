//! Moves the rows of keys to databases that are joining a set.
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
//! A mover that stops between two steps leaves marks from which the next one continues. Each
//! transaction first checks that no other mover has started.

use std::fmt;
use std::future::IntoFuture;

use futures_util::future::BoxFuture;

use super::marks;
use super::references;
use super::{Node, hash, homes};
use crate::d1::backup::{Inserts, Selection, Table, quoted};
use crate::d1::{D1, DecodeError, Exec, FromRow, NamedRow, Query, Row, UncheckedQuery};
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::random;

/// The keys that move at once.
const GROUP: usize = 100;
/// The keys of a page.
const PAGE: usize = 5_000;

/// Fails if another mover has started. `?1` is the id of this one.
const IS_MINE: &str = "SELECT json_extract('{}', CASE WHEN EXISTS (SELECT 1 FROM _bindery_moves \
                       WHERE state = 'mover' AND owner = ?1) THEN '$' ELSE 'bindery: another mover \
                       has started' END) AS checked";

/// Moves rows to the databases that are joining a set. Created by [`Shards::mover`]; await it to
/// run it.
///
/// [`Shards::mover`]: super::Shards::mover
#[must_use = "a mover does nothing until it is awaited"]
pub struct Mover<'a> {
    databases: Vec<(Node, &'a D1)>,
    key: &'static [(&'static str, &'static str)],
    limit: Option<u64>,
}

/// What a [`Mover`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moved {
    /// The keys whose rows were moved.
    pub keys: u64,
    /// The rows.
    pub rows: u64,
    /// Whether all keys are where they belong. The databases can then become members.
    pub is_complete: bool,
}

impl fmt::Debug for Mover<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Mover")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<'a> Mover<'a> {
    pub(super) fn new(
        databases: Vec<(Node, &'a D1)>,
        key: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self {
            databases,
            key,
            limit: None,
        }
    }

    /// Stops after this number of keys, apart from those that are created in the meantime. Up to
    /// 100 keys move at once, with about six queries and three for each table, and more if they
    /// have many rows; a request to a worker has a limit of queries.
    ///
    /// <https://developers.cloudflare.com/d1/platform/limits/>
    pub fn limit(self, keys: u64) -> Self {
        Self {
            limit: Some(keys),
            ..self
        }
    }

    async fn run(self) -> Result<Moved> {
        let owner = random::id()?;
        let (sources, targets): (Vec<_>, Vec<_>) = self
            .databases
            .iter()
            .copied()
            .partition(|(node, _)| !node.is_joining);
        let mut moved = Moved::default();

        if targets.is_empty() {
            moved.is_complete = true;
            return Ok(moved);
        }
        let names: Vec<&str> = targets.iter().map(|(node, _)| node.name).collect();
        let names = names.join(" ");
        for (_, database) in &self.databases {
            query(database, marks::CREATE.sql).execute().await?;
            self.check_joining(database, &names).await?;
        }
        for (_, database) in &self.databases {
            let sql = "INSERT INTO _bindery_moves VALUES ('mover', '', ?1), ('joining', '', ?2) ON \
                       CONFLICT DO UPDATE SET owner = excluded.owner";
            let mark = query(database, sql).bind(owner.as_str());
            mark.bind(names.as_str()).execute().await?;
        }
        for (node, source) in &sources {
            let tables: Vec<String> = self.key.iter().map(|(table, _)| (*table).into()).collect();
            let path = Path {
                source: (*node, source),
                nodes: self.databases.iter().map(|(node, _)| *node).collect(),
                databases: &self.databases,
                key: self.key,
                tables: Table::all(source, Some(&tables)).await?,
                checks: references::checks(source, self.key).await?,
                owner: &owner,
                limit: self.limit.unwrap_or(u64::MAX),
            };
            if !path.empty(&targets, &mut moved).await? {
                return Ok(moved);
            }
        }

        // The marks of the whole set make those of single keys superfluous.
        for (_, database) in &self.databases {
            let sql = "DELETE FROM _bindery_moves WHERE state IN ('arrived', 'moved')";
            let delete = query(database, sql).execute();
            let delete = database.batch((is_mine(database, &owner), delete)).await;
            delete.map_err(|error| explain(database, error))?;
        }
        moved.is_complete = true;
        Ok(moved)
    }
}

impl Mover<'_> {
    /// Fails if other databases were joining when rows began to move, and are not members yet:
    /// their rows would be looked for elsewhere.
    async fn check_joining(&self, database: &D1, names: &str) -> Result<()> {
        let sql = "SELECT owner AS key FROM _bindery_moves WHERE state = 'joining'";
        let before = query(database, sql).optional::<Key>().await?;
        let before = before.map_or_else(String::new, |Key(before)| before);
        let is_member = |name: &str| {
            let mut nodes = self.databases.iter().map(|(node, _)| node);
            nodes.any(|node| node.name == name && !node.is_joining)
        };
        if before == names || before.split_whitespace().all(is_member) {
            return Ok(());
        }
        let message = format!(
            "cannot move rows: {before} was joining the set before; complete that move and make it \
             a member first"
        );
        Err(failed(database, message))
    }
}

impl<'a> IntoFuture for Mover<'a> {
    type Output = Result<Moved>;
    type IntoFuture = BoxFuture<'a, Result<Moved>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// The way from one database to those that are joining.
struct Path<'a> {
    source: (Node, &'a D1),
    nodes: Vec<Node>,
    databases: &'a [(Node, &'a D1)],
    key: &'static [(&'static str, &'static str)],
    /// The tables with a key, each after those that it refers to.
    tables: Vec<Table>,
    /// Statements that fail if rows of other keys refer to those of some keys.
    checks: Vec<String>,
    owner: &'a str,
    limit: u64,
}

impl Path<'_> {
    /// Moves every key that does not stay. Returns whether all were moved.
    async fn empty(&self, targets: &[(Node, &D1)], moved: &mut Moved) -> Result<bool> {
        let (node, source) = self.source;
        if self.is_complete(targets).await? {
            return Ok(true);
        }
        if !self.move_all(moved, self.limit).await? {
            return Ok(false);
        }

        // Keys that were created in the meantime are closed now, and move as well. Nobody can use
        // them until they have, so there is no limit.
        for (target, _) in targets {
            let sql = "INSERT OR IGNORE INTO _bindery_moves VALUES ('closed', ?1, NULL)";
            let close = query(source, sql).bind(target.name).execute();
            let closed = source.batch((self.is_mine(source), close)).await;
            closed.map_err(|error| explain(source, error))?;
        }
        if let Err(error) = self.move_all(moved, u64::MAX).await {
            // The first error is more helpful.
            let _ = self.reopen(targets).await;
            return Err(error);
        }
        for (_, target) in targets {
            let sql = "INSERT OR IGNORE INTO _bindery_moves VALUES ('complete', ?1, NULL)";
            let complete = query(target, sql).bind(node.name).execute();
            let complete = target.batch((self.is_mine(target), complete)).await;
            complete.map_err(|error| explain(target, error))?;
        }
        Ok(true)
    }

    /// Lets new keys be stored in the source again, unless all have moved.
    async fn reopen(&self, targets: &[(Node, &D1)]) -> Result<()> {
        let (_, source) = self.source;
        for (node, target) in targets {
            if !self.has_all(target).await? {
                let sql = "DELETE FROM _bindery_moves WHERE state = 'closed' AND key = ?1";
                let reopen = query(source, sql).bind(node.name).execute();
                source.batch((self.is_mine(source), reopen)).await?;
            }
        }
        Ok(())
    }

    /// Whether an earlier mover has moved every key.
    async fn is_complete(&self, targets: &[(Node, &D1)]) -> Result<bool> {
        for (_, target) in targets {
            if !self.has_all(target).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a target has all keys of the source that belong there.
    async fn has_all(&self, target: &D1) -> Result<bool> {
        let sql = "SELECT key FROM _bindery_moves WHERE state = 'complete' AND key = ?1";
        let mark = query(target, sql).bind(self.source.0.name);
        Ok(mark.optional::<Key>().await?.is_some())
    }

    /// Moves every key that is found. Returns whether the limit was not reached.
    async fn move_all(&self, moved: &mut Moved, limit: u64) -> Result<bool> {
        let (_, source) = self.source;
        let sql = "SELECT key FROM _bindery_moves WHERE state = 'moving'";
        let interrupted = query(source, sql).all::<Key>().await?;
        if !self.move_keys(interrupted, moved, limit).await? {
            return Ok(false);
        }

        for (table, column) in self.key {
            let (table, column) = (quoted(table), quoted(column));
            let mut after: Option<String> = None;
            loop {
                // Not `key`, which can be a column of the table.
                let condition = match after {
                    Some(_) => format!("AND {column} > ?1"),
                    None => String::new(),
                };
                let sql = format!(
                    "SELECT CAST(key AS TEXT) AS key FROM (SELECT DISTINCT {column} AS key FROM \
                     {table} WHERE typeof({column}) IN ('text', 'integer') {condition} \
                     ORDER BY 1 LIMIT {PAGE})"
                );
                let page = query(source, sql);
                let page = match &after {
                    Some(after) => page.bind(after.as_str()),
                    None => page,
                };
                let keys = page.all::<Key>().await?;
                let Some(last) = keys.last() else { break };
                after = Some(last.0.clone());
                if !self.move_keys(keys, moved, limit).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Moves those of the keys that do not stay. Returns whether the limit was not reached.
    async fn move_keys(&self, keys: Vec<Key>, moved: &mut Moved, limit: u64) -> Result<bool> {
        let mut of_target: Vec<Vec<String>> = vec![Vec::new(); self.nodes.len()];
        for Key(key) in keys {
            let (from, to) = homes(self.nodes.iter(), hash(&key));
            // Nobody would find such a row, so it is not one of the key.
            if self.nodes[from].name != self.source.0.name {
                let message = format!(
                    "cannot move rows: {} has rows of keys that belong to {}",
                    self.source.0.name, self.nodes[from].name
                );
                return Err(failed(self.source.1, message));
            }
            of_target[to].push(key);
        }

        for ((node, target), keys) in self.databases.iter().zip(of_target) {
            if !node.is_joining {
                continue;
            }
            let mut rest = keys.as_slice();
            while !rest.is_empty() {
                let left = limit.saturating_sub(moved.keys);
                if left == 0 {
                    return Ok(false);
                }
                let count = usize::try_from(left).unwrap_or(GROUP).min(GROUP);
                let (group, others) = rest.split_at(count.min(rest.len()));
                moved.rows += self.move_group(target, group).await?;
                moved.keys += group.len() as u64;
                rest = others;
            }
        }
        Ok(true)
    }

    /// Moves the rows of some keys to one database. Returns the number of rows.
    async fn move_group(&self, target: &D1, keys: &[String]) -> Result<u64> {
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
        let delete = self.delete_where(target, keys, |column| format!("{column} IN {again}"));
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
        let sql = "SELECT json_extract('{}', CASE WHEN EXISTS (SELECT 1 FROM _bindery_moves WHERE \
                   state = 'arrived' AND key IN (SELECT value FROM json_each(?1))) THEN 'bindery: \
                   arrived' ELSE '$' END) AS checked";
        let check = query(target, sql).bind(keys.to_owned()).execute();
        let of_keys = "IN (SELECT key FROM _bindery_moves WHERE state = 'copying' AND key IN \
                       (SELECT value FROM json_each(?1)))";
        let delete = self.delete_where(target, keys, |column| format!("{column} {of_keys}"));
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
        let of_keys = "IN (SELECT value FROM json_each(?1))";
        let delete = self.delete_where(source, keys, |column| format!("{column} {of_keys}"));
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
            let condition = condition(&quoted(self.key_of(table)?));
            let sql = format!("DELETE FROM {} WHERE {condition}", quoted(&table.name));
            Some(query(database, sql).bind(keys.to_owned()).execute())
        });
        std::iter::once(defer).chain(deletes).collect()
    }

    /// Fails if a database has rows of the keys.
    fn is_free<'d>(&self, database: &'d D1, keys: &str) -> Vec<Query<'d, Exec>> {
        let checks = self.key.iter().map(|(table, column)| {
            let sql = format!(
                "SELECT json_extract('{{}}', CASE WHEN EXISTS (SELECT 1 FROM {} WHERE {} IN \
                 (SELECT value FROM json_each(?1))) THEN 'bindery: the new database has rows of \
                 these keys already' ELSE '$' END) AS checked",
                quoted(table),
                quoted(column)
            );
            query(database, sql).bind(keys.to_owned()).execute()
        });
        checks.collect()
    }

    fn is_mine<'d>(&self, database: &'d D1) -> Query<'d, Exec> {
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
    let sql = format!(
        "SELECT json_extract('{{}}', CASE WHEN (SELECT count(*) FROM {} WHERE {} IN (SELECT value \
         FROM json_each(?1))) = {count} THEN '$' ELSE 'bindery: not every row could be inserted' \
         END) AS checked",
        quoted(&table.name),
        quoted(column)
    );
    query(database, sql).bind(keys.to_owned()).execute()
}

/// Fails if another mover has started.
fn is_mine<'d>(database: &'d D1, owner: &str) -> Query<'d, Exec> {
    query(database, IS_MINE).bind(owner.to_owned()).execute()
}

/// A query of a mover.
pub(super) fn query(
    database: &D1,
    sql: impl Into<std::borrow::Cow<'static, str>>,
) -> UncheckedQuery<'_> {
    database.unchecked(sql).named("mover")
}

/// Replaces the error of a check that failed by what it says.
fn explain(database: &D1, error: Error) -> Error {
    let failure = error.into_failure();
    let refusal = failure
        .message
        .split_once("bindery: ")
        .map(|(_, refusal)| refusal);
    match refusal.and_then(|refusal| refusal.split('\'').next()) {
        Some(refusal) => failed(database, format!("cannot move rows: {refusal}")),
        None => database.gate.failed("query", failure),
    }
}

fn failed(database: &D1, message: impl Into<String>) -> Error {
    // Not the fault of a client, if a request runs the mover.
    let failure = Failure::new(ErrorKind::Internal, message.into());
    database.gate.failed("mover", failure)
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

/// A key.
struct Key(String);

impl FromRow for Key {
    fn from_row(row: &mut Row<'_>) -> Result<Self, DecodeError> {
        Ok(Self(row.take(0)?))
    }
}

impl NamedRow for Key {
    const COLUMNS: &'static [&'static str] = &["key"];
}
