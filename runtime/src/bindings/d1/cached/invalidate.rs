//! Writes that invalidate the cached rows of their tables.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::entry::name_of_table;
use crate::d1::batch::Batch;
use crate::d1::{Bulk, Changes, D1, Query, Shape};
use crate::error::{ErrorKind, Failure, Result};
use crate::kv::{Core, Kv};
use crate::{random, time};

/// How often a version is written. KV accepts one write per second for each key.
const ATTEMPTS: usize = 3;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(1100);

impl<'a, S: Shape> Query<'a, S> {
    /// After the query has succeeded, invalidates the rows that [`cached`](Self::cached) queries
    /// keep of the tables that it writes, also by triggers and foreign key actions.
    ///
    /// # Errors
    /// Those of the query. If KV fails, the error
    /// [is committed](crate::Error::is_committed): the cache can return old rows until they
    /// expire. KV accepts one write per second for each table; further ones wait for up to three
    /// seconds.
    ///
    /// # Examples
    /// ```
    /// # use bindery::{d1::{Exec, Query}, kv::Kv};
    /// # async fn f<B>(cache: &Kv<B>, add_note: Query<'_, Exec>) -> bindery::Result<()> {
    /// add_note.invalidating(cache).await?;
    /// # Ok(()) }
    /// ```
    pub fn invalidating<B>(self, cache: &'a Kv<B>) -> Invalidating<'a, S> {
        Invalidating {
            query: self,
            cache: cache.core(),
        }
    }
}

/// A query that invalidates cached rows. Created by [`Query::invalidating`]; await it to run it.
#[must_use = "a query does nothing until it is awaited"]
pub struct Invalidating<'a, S> {
    query: Query<'a, S>,
    cache: &'a Core,
}

impl<S> fmt::Debug for Invalidating<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Invalidating")
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

impl<'a, S: Shape> IntoFuture for Invalidating<'a, S> {
    type Output = Result<S::Output>;
    type IntoFuture = BoxFuture<'a, Result<S::Output>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { query, cache } = self;
        let database = query.database;
        let tables = query.statement.tables().map(|[_, writes]| writes);
        Box::pin(async move {
            let Some(tables) = tables else {
                return Err(database.gate.failed("invalidating", unknown()));
            };
            let outcome = query.await;
            after(database, cache, tables, outcome).await
        })
    }
}

impl<'a> Bulk<'a> {
    /// Inserts the rows, and invalidates those that [`Query::cached`] keeps of the table.
    ///
    /// # Errors
    /// Those of the insert, and of [`Query::invalidating`].
    pub fn invalidating<B>(self, cache: &'a Kv<B>) -> BoxFuture<'a, Result<Changes>> {
        self.database.batch_invalidating(cache, self)
    }
}

impl D1 {
    /// Runs a [batch](Self::batch), and invalidates the rows that [cached](Query::cached) queries
    /// keep of the tables that it writes.
    ///
    /// # Errors
    /// Those of the batch, and of [`Query::invalidating`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{d1::{D1, Exec, Query}, kv::Kv};
    /// # async fn f<B>(
    /// #     database: &D1,
    /// #     cache: &Kv<B>,
    /// #     add_user: Query<'_, Exec>,
    /// #     add_note: Query<'_, Exec>,
    /// # ) -> bindery::Result<()> {
    /// database.batch_invalidating(cache, (add_user, add_note)).await?;
    /// # Ok(()) }
    /// ```
    pub fn batch_invalidating<'b, B, C>(
        &'b self,
        cache: &'b Kv<C>,
        batch: B,
    ) -> BoxFuture<'b, Result<B::Output>>
    where
        B: Batch + 'b,
    {
        let cache = cache.core();
        let tables = written(&batch);
        Box::pin(async move {
            let Some(tables) = tables else {
                return Err(self.gate.failed("batch", unknown()));
            };
            let outcome = self.batch(batch).await;
            after(self, cache, &tables, outcome).await
        })
    }

    /// Invalidates the rows that [cached](Query::cached) queries keep of some tables, after a write
    /// that bindery does not know, such as one with [`unchecked`](Self::unchecked).
    ///
    /// # Errors
    /// Those of KV.
    ///
    /// # Examples
    /// ```
    /// # use bindery::{d1::D1, kv::Kv};
    /// # async fn f<B>(database: &D1, cache: &Kv<B>) -> bindery::Result<()> {
    /// database.unchecked("UPDATE notes SET seen = 1").execute().await?;
    /// database.invalidate(cache, &["notes"]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn invalidate<B>(&self, cache: &Kv<B>, tables: &[&str]) -> Result<()> {
        invalidate(self, cache.core(), tables).await
    }
}

/// The tables that a batch writes. `None` if one of its statements is not known.
fn written<B: Batch>(batch: &B) -> Option<Vec<&'static str>> {
    let mut rows = batch.rows();
    let mut calls = Vec::new();
    batch.calls(&mut rows, &mut calls);
    let mut tables = Vec::new();
    for call in &calls {
        let [_, writes] = call.statement.tables()?;
        tables.extend(writes.iter().filter(|_| !call.statement.reads_only()));
    }
    tables.sort_unstable();
    tables.dedup();
    Some(tables)
}

fn unknown() -> Failure {
    let message = "the tables of an unchecked statement are not known: run it, and then call \
                   `invalidate` with their names";
    Failure::new(ErrorKind::Unsupported, message)
}

/// Invalidates rows after a write that has, or can have, succeeded.
async fn after<T>(database: &D1, cache: &Core, tables: &[&str], outcome: Result<T>) -> Result<T> {
    // An error without an answer, such as a lost connection, can hide a commit.
    let wrote_nothing = |kind: ErrorKind| {
        use ErrorKind::{Constraint, Denied, InvalidArgument, TooLarge, Unsupported};
        matches!(
            kind,
            Constraint(_) | Denied | InvalidArgument | TooLarge | Unsupported
        )
    };

    match outcome {
        Ok(output) => {
            let invalidated = invalidate(database, cache, tables).await;
            invalidated.map_err(|error| {
                let failure = error.into_failure().after_commit();
                cache.gate().failed("put", failure)
            })?;
            Ok(output)
        }
        Err(error) if !error.is_committed() && wrote_nothing(error.kind()) => Err(error),
        Err(error) => {
            // The first error is more helpful.
            let _ = invalidate(database, cache, tables).await;
            Err(error)
        }
    }
}

/// Writes new versions of tables.
async fn invalidate(database: &D1, cache: &Core, tables: &[&str]) -> Result<()> {
    let own = database.gate.binding();
    // The rows of a key that moves can be in the other database.
    let other = database.route.as_ref();
    let other = other.map(|route| route.target().gate.binding());
    let bindings = std::iter::once(own).chain(other);
    let names = bindings.flat_map(|binding| {
        let names = tables.iter().map(|table| name_of_table(&binding, table));
        names.collect::<Vec<_>>()
    });
    for name in names.collect::<Vec<_>>() {
        let version = random::id()?;
        let mut attempt = 1;
        while let Err(error) = cache.put_text(&name, &version, None).await {
            if error.kind() != ErrorKind::Overloaded || attempt == ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
            time::sleep(PAUSE).await;
        }
    }
    Ok(())
}
