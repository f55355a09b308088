//! Queries whose rows KV keeps until their tables are written.
//!
//! KV has a version for each table, and an entry has the versions of the tables that its query
//! read. An entry is used while they are the current ones. The versions are read before the query
//! runs, so rows that were read before a write never get the version after it.

mod entry;
mod invalidate;

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::meta::Detail;
use super::query::{Call, Collected, RowSink};
use super::{Cell, DecodeError, Query, Row, Shape, check};
use crate::error::{ErrorKind, Failure, Result, Service};
use crate::kv::{Core, Kv};
use crate::observe::Measures;

use entry::{Entry, name_of_entry, versions};
pub use invalidate::Invalidating;

impl<'a, S: Shape> Query<'a, S> {
    /// Returns the rows that KV has for this query and its arguments, if they are at most `ttl`
    /// old and none of its tables has been written since. Otherwise runs the query and stores its
    /// rows.
    ///
    /// A write must invalidate the rows: see [`invalidating`](Self::invalidating). `cargo bindery
    /// check` warns of writes that do not. KV can return old values for up to a minute, so this is
    /// for rows that may be that old in another location.
    ///
    /// It needs one call to KV, and a second one to store rows. If KV fails, the query runs. It
    /// always runs in a [session](super::Session), because a replica can be behind, and for a key
    /// of a set of shards that is moving. [`with_meta`](Self::with_meta) has no counts if the rows
    /// come from KV. The entries are those of the binding, so environments with other databases
    /// need other namespaces.
    ///
    /// # Errors
    /// Those of the query, and `Unsupported` if it writes, or is not known at compile time.
    ///
    /// # Examples
    /// ```
    /// # use bindery::{d1::{FromRow, Many, Query}, kv::Kv};
    /// # async fn f<Note: FromRow + 'static, B>(
    /// #     cache: &Kv<B>,
    /// #     notes_of: Query<'_, Many<Note>>,
    /// # ) -> bindery::Result<()> {
    /// use std::time::Duration;
    ///
    /// let notes = notes_of.cached(cache, Duration::from_secs(300)).await?;
    /// # Ok(()) }
    /// ```
    pub fn cached<B>(self, cache: &'a Kv<B>, ttl: Duration) -> CachedQuery<'a, S> {
        CachedQuery {
            query: self,
            cache: cache.core(),
            ttl,
        }
    }
}

/// A query whose rows KV keeps. Created by [`Query::cached`]; await it to run it.
#[must_use = "a query does nothing until it is awaited"]
pub struct CachedQuery<'a, S> {
    query: Query<'a, S>,
    cache: &'a Core,
    ttl: Duration,
}

impl<S> fmt::Debug for CachedQuery<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CachedQuery")
            .field("query", &self.query)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

impl<'a, S: Shape> IntoFuture for CachedQuery<'a, S> {
    type Output = Result<S::Output>;
    type IntoFuture = BoxFuture<'a, Result<S::Output>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<S: Shape> CachedQuery<'_, S> {
    async fn run(self) -> Result<S::Output> {
        let Query {
            database,
            statement,
            parameters,
            ..
        } = &self.query;
        let binding = database.gate.binding();
        let tables = match statement.tables() {
            Some([reads, _]) if statement.reads_only() => reads,
            _ => {
                let message = "only a query that writes nothing, and is known at compile time, can \
                               be cached";
                let failure = Failure::new(ErrorKind::Unsupported, message);
                return Err(database.gate.failed("cached", failure));
            }
        };
        // A replica can be behind the versions, and the rows of a key that moves are not those of
        // the binding.
        if database.is_session || database.route.is_some() {
            return Ok(self.load().await?.0);
        }
        let refused = check(statement, parameters);
        refused.map_err(|failure| database.gate.failed("cached", failure))?;
        let of_rows = (statement.columns(), S::LIMIT);
        let name = name_of_entry(&binding, statement.sql(), of_rows, parameters);

        let lookup = async {
            // KV reports its failure to the observers, and the query runs.
            let found = versions(self.cache, &name, &binding, tables).await.ok();
            let (entry, versions) = found.unzip();
            let output = entry.flatten().and_then(|entry| self.decode(entry));
            let measures = Measures {
                hit: Some(output.is_some()),
                tier: output.as_ref().map(|_| "kv"),
                ..Measures::default()
            };
            Ok(((output, versions), measures.into()))
        };
        let cache = self.cache.gate().of_service(Service::EdgeCache);
        let lookup = cache.pass("lookup", Some(statement.name()), lookup);
        let (output, versions) = lookup.await?;
        if let Some(output) = output {
            // A query of one row that found none fails as it did before.
            return output.map_err(|failure| database.gate.failed("cached", failure));
        }

        let (output, rows) = self.load().await?;
        if let Some(versions) = versions {
            let entry = Entry::text(&versions, self.ttl, &rows);
            // A failure of KV is reported to the observers; the rows are not cached then.
            let _ = self.cache.put_text(&name, &entry, Some(self.ttl)).await;
        }
        Ok(output)
    }

    /// Decodes the rows of an entry. `None` if they are not those of this version of the program.
    fn decode(&self, entry: Entry) -> Option<Result<S::Output, Failure>> {
        let statement = &self.query.statement;
        let mut rows = Collected::<S>::of(statement);
        for (index, cells) in entry.rows().take(S::LIMIT).enumerate() {
            let cells = cells.filter(|cells| cells.len() == statement.columns().len())?;
            let mut row = Row::of_cells(&cells, statement.columns(), index + 1);
            rows.row(&mut row).ok()?;
        }
        Some(rows.finish(&super::Meta::default()))
    }

    /// Runs the query. Returns its result, and its rows as JSON.
    async fn load(&self) -> Result<(S::Output, String)> {
        let Query {
            database,
            statement,
            parameters,
            ..
        } = &self.query;
        let mut recorded = Recorded::<S> {
            rows: Collected::of(statement),
            columns: statement.columns().len(),
            json: String::new(),
        };
        let call = Call {
            statement,
            parameters,
            rows: &mut recorded,
            limit: S::LIMIT,
            detail: S::DETAIL.max(Detail::Counts),
        };
        let meta = database.run(call, S::NEEDS_ROW).await?;
        let Recorded { rows, json, .. } = recorded;
        let output = rows.finish(&meta);
        let output = output.map_err(|failure| database.gate.failed("query", failure))?;
        Ok((output, json))
    }
}

/// Decodes rows, and writes them as items of a JSON array.
struct Recorded<S: Shape> {
    rows: Collected<S>,
    columns: usize,
    json: String,
}

impl<S: Shape> RowSink for Recorded<S> {
    fn row(&mut self, row: &mut Row<'_>) -> Result<(), DecodeError> {
        let cells: Vec<Cell<'_>> = (0..self.columns)
            .map(|index| row.cell(index))
            .collect::<Result<_, _>>()?;
        entry::push_row(&mut self.json, &cells);
        self.rows.row(row)
    }

    fn count(&self) -> usize {
        self.rows.count()
    }
}
