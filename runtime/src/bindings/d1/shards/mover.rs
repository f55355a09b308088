//! Moves the rows of keys to databases that are joining a set: source by source (`source.rs`), and
//! some keys at a time (`group.rs`). Each transaction first checks that no other mover has started.

use std::fmt;
use std::future::IntoFuture;

use futures_util::future::BoxFuture;

use super::Node;
use super::group::Rows;
use super::marks;
use super::references;
use super::source::Source;
use crate::d1::backup::Table;
use crate::d1::{D1, DecodeError, FromRow, NamedRow, Row, UncheckedQuery};
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::random;

/// The keys of a page.
const PAGE_KEYS: usize = 5_000;
/// The pages that a mover with a limit reads, a million keys: D1 has a limit of queries.
const MAX_PAGES: usize = 200;
/// The marks that one transaction deletes.
const MARKS: usize = 50_000;

/// Moves rows to the databases that are joining a set. Created by [`Shards::mover`]; await it to
/// run it.
///
/// [`Shards::mover`]: super::Shards::mover
#[must_use = "a mover does nothing until it is awaited"]
pub struct Mover<'a> {
    databases: Vec<(Node, &'a D1)>,
    key: &'static [(&'static str, &'static str)],
    limit: Option<u64>,
    page_keys: usize,
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
            page_keys: PAGE_KEYS,
        }
    }

    /// Stops after this number of keys, apart from those that are created at the end of the move of
    /// a database, and after it has read a million keys. The next mover continues there.
    ///
    /// Up to 100 keys move at once, with about six queries and three for each table, and more if
    /// they have many rows; a request to a worker has a limit of queries.
    ///
    /// <https://developers.cloudflare.com/d1/platform/limits/>
    pub fn limit(self, keys: u64) -> Self {
        Self {
            limit: Some(keys),
            ..self
        }
    }

    /// Reads fewer keys at a time, so that a test needs fewer.
    #[doc(hidden)]
    pub fn page_keys(self, page_keys: usize) -> Self {
        Self { page_keys, ..self }
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
        let mut pages = self.limit.map_or(usize::MAX, |_| MAX_PAGES);
        for (node, database) in &sources {
            let tables: Vec<String> = self.key.iter().map(|(table, _)| (*table).into()).collect();
            let rows = Rows {
                source: (*node, database),
                key: self.key,
                tables: Table::all(database, Some(&tables)).await?,
                checks: references::checks(database, self.key).await?,
                owner: &owner,
            };
            let mut source = Source {
                rows,
                nodes: self.databases.iter().map(|(node, _)| *node).collect(),
                databases: &self.databases,
                limit: self.limit.unwrap_or(u64::MAX),
                pages,
                page_keys: self.page_keys,
            };
            if !source.empty(&targets, &mut moved).await? {
                return Ok(moved);
            }
            pages = source.pages;
        }

        // The marks of the whole set make those of single keys superfluous.
        for (_, database) in &self.databases {
            delete_marks(database, &owner).await?;
        }
        moved.is_complete = true;
        Ok(moved)
    }
}

/// Deletes the marks of single keys, some at a time.
async fn delete_marks(database: &D1, owner: &str) -> Result<()> {
    loop {
        let sql = format!(
            "DELETE FROM _bindery_moves WHERE (state, key) IN (SELECT state, key FROM \
             _bindery_moves WHERE state IN ('arrived', 'moved', 'read', \
             'pass') LIMIT {MARKS})"
        );
        let delete = query(database, sql).execute();
        let deleted = database.batch((marks::is_mine(database, owner), delete));
        let (_, deleted) = deleted.await.map_err(|error| explain(database, error))?;
        if deleted.rows < MARKS as u64 {
            return Ok(());
        }
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

/// A query of a mover.
pub(super) fn query(
    database: &D1,
    sql: impl Into<std::borrow::Cow<'static, str>>,
) -> UncheckedQuery<'_> {
    database.unchecked(sql).named("mover")
}

/// Replaces the error of a check that failed by what it says.
pub(super) fn explain(database: &D1, error: Error) -> Error {
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

pub(super) fn failed(database: &D1, message: impl Into<String>) -> Error {
    // Not the fault of a client, if a request runs the mover.
    let failure = Failure::new(ErrorKind::Internal, message.into());
    database.gate.failed("mover", failure)
}

/// A key.
#[derive(Clone, PartialEq)]
pub(super) struct Key(pub(super) String);

impl FromRow for Key {
    fn from_row(row: &mut Row<'_>) -> Result<Self, DecodeError> {
        Ok(Self(row.take(0)?))
    }
}

impl NamedRow for Key {
    const COLUMNS: &'static [&'static str] = &["key"];
}
