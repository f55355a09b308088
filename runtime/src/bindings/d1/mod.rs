//! D1: checked queries that run one by one or as one transaction.
//!
//! A generated method returns a [`Query`]: await it to run it, or pass several to [`D1::batch`].
//! Both backends convert values as D1 does: D1 binds a number as REAL and returns it as a double.
//! Therefore an `i64` that a double cannot represent exactly is an error, as a parameter and in a
//! result.
//!
//! <https://developers.cloudflare.com/d1/>

mod backup;
mod batch;
mod bulk;
#[cfg(feature = "query-cache")]
mod cached;
mod carrier;
#[cfg(feature = "jiff")]
mod dates;
mod decode;
mod dynamic;
mod encode;
mod int64;
mod json;
#[doc(hidden)]
pub mod json_type;
pub(crate) mod list;
mod meta;
mod page;
pub(crate) mod query;
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) mod scan;
mod session;
mod shards;
mod statement;
mod text_enum;
mod unchecked;

use std::fmt::Debug;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::backend::{self, Backend};
use crate::bindings::{BindingKind, Connect};
use crate::error::{ErrorKind, Failure, Result};
use crate::observe::{Counts, Gate, Measures};

pub use backup::{Export, Import, Imported};
pub use batch::Batch;
pub use bulk::Bulk;
#[cfg(feature = "query-cache")]
pub use cached::{CachedQuery, Invalidating};
pub use carrier::BookmarkCarrier;
pub use decode::{Cell, DecodeError, FromColumn, FromRow, Row, SingleColumn, Value};
pub use dynamic::{Patch, Sort, SortBy};
pub use encode::Parameter;
pub(crate) use encode::check;
pub use int64::Int64;
pub use json::{Json, JsonText};
#[cfg(target_arch = "wasm32")]
pub(crate) use meta::Detail;
pub use meta::{Measured, Meta, WithMeta};
pub use page::{Cursor, Order, OrderType, Page, Paged, Pages};
pub(crate) use query::Call;
use query::after_commit;
pub use query::{Changes, Exec, Many, One, Optional, Query, QueryFuture, Shape};
pub use session::{Bookmark, Database, Session, SessionStart};
pub(crate) use shards::Node;
pub use shards::{Moved, Mover, Shards};
pub(crate) use statement::AnyStatement;
pub use statement::Statement;
pub use text_enum::UnknownText;
pub(crate) use text_enum::{decode_text, parse_text};
pub use unchecked::{NamedRow, UncheckedQuery};

/// A D1 database.
///
/// The generated type of a database, such as `Db`, adds the queries of the project and dereferences
/// to this type. [`batch`](Self::batch) and everything else belong to `D1`, so that a library can
/// accept `&D1` without knowing the project: `&env.db` coerces to it.
///
/// # Examples
/// ```
/// use bindery::d1::{Batch, D1};
///
/// /// Runs queries of any project.
/// async fn run_all<B: Batch>(database: &D1, queries: B) -> bindery::Result<B::Output> {
///     database.batch(queries).await
/// }
/// ```
#[derive(Debug, Clone)]
pub struct D1 {
    gate: Gate,
    backend: backend::D1,
    /// What decides where calls run, if it is not this database.
    route: Option<Arc<dyn Route>>,
    /// Whether a replica can answer.
    #[cfg(feature = "query-cache")]
    is_session: bool,
}

/// Decides in which database calls run.
trait Route: Debug + Send + Sync {
    /// The key whose rows the calls concern.
    fn key(&self) -> &str;

    /// The database that the rows of the key move to.
    #[cfg(feature = "query-cache")]
    fn target(&self) -> &D1;

    /// Runs the calls as one transaction. `database` is the usual database.
    fn run<'r>(
        &'r self,
        database: &'r backend::D1,
        calls: &'r mut [Call<'_>],
    ) -> BoxFuture<'r, Result<Vec<Meta>, Failure>>;
}

impl Connect for D1 {
    const KIND: BindingKind = BindingKind::D1;

    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String> {
        Ok(Self::new(gate, backend.d1(binding)?))
    }
}

impl D1 {
    pub(crate) fn new(gate: Gate, backend: backend::D1) -> Self {
        Self {
            gate,
            backend,
            route: None,
            #[cfg(feature = "query-cache")]
            is_session: false,
        }
    }

    /// The database of an object.
    pub(crate) fn of_object(gate: Gate, backend: backend::D1) -> Self {
        Self::new(gate, backend)
    }

    /// Returns the same database, whose calls a route runs.
    fn with_route(self, route: Arc<dyn Route>) -> Self {
        Self {
            route: Some(route),
            ..self
        }
    }

    /// Runs one call.
    async fn send(&self, call: Call<'_>) -> Result<Meta, Failure> {
        let Some(route) = &self.route else {
            return self.backend.run(call).await;
        };
        // It is not a batch of the caller.
        let metas = route.run(&self.backend, &mut [call]).await;
        let metas = metas.map_err(|failure| failure.at(None))?;
        Ok(metas.into_iter().next().unwrap_or_default())
    }

    /// Runs several calls as one transaction.
    async fn send_all(&self, calls: &mut [Call<'_>]) -> Result<Vec<Meta>, Failure> {
        match &self.route {
            None => self.backend.batch(calls).await,
            Some(route) => route.run(&self.backend, calls).await,
        }
    }

    /// Runs several queries in one round trip and one transaction.
    ///
    /// Accepts a tuple of up to 26 queries, or a `Vec` of queries with one result type, and returns
    /// their results in that order. An element can be a tuple or `Vec` itself. A batch without
    /// queries does nothing.
    ///
    /// <https://developers.cloudflare.com/d1/worker-api/d1-database/#batch>
    ///
    /// # Errors
    /// The error of the first query that fails. The transaction is then rolled back. The limits of
    /// all queries are checked before the first one is sent.
    ///
    /// `InvalidArgument` if a query is of another database or of another key of a set of shards.
    ///
    /// The error has the name of the query ([`Error::query`](crate::Error::query)) and its position
    /// ([`Error::batch_index`](crate::Error::batch_index)). D1 does not report which query of a
    /// batch failed: if SQLite rejects one of several on Workers, the message has the names of all
    /// that are possible.
    ///
    /// The platform returns the rows of a batch after its transaction has ended. So if a query of
    /// one row finds no row (`NotFound`), or a row cannot be decoded (`Decode`), the changes of the
    /// batch are committed, and [`Error::is_committed`](crate::Error::is_committed) is true.
    ///
    /// # Examples
    /// ```
    /// # use bindery::d1::{D1, Exec, FromRow, Many, Query};
    /// # async fn f<Note: FromRow + 'static>(
    /// #     database: &D1,
    /// #     add_notes: Vec<Query<'_, Exec>>,
    /// #     all_notes: Query<'_, Many<Note>>,
    /// # ) -> bindery::Result<()> {
    /// let (added, notes) = database.batch((add_notes, all_notes)).await?;
    /// println!("{} of {} notes are new", added.len(), notes.len());
    /// # Ok(()) }
    /// ```
    pub fn batch<'b, B: Batch + 'b>(&'b self, batch: B) -> BoxFuture<'b, Result<B::Output>> {
        // Boxed, as is every future that would contain a type of the caller: in a handler that must
        // be `Send`, the compiler cannot prove a trait of such a type for every lifetime.
        Box::pin(async move {
            let work = self.run_batch(batch);
            self.gate.pass("batch", None, work).await
        })
    }

    /// Fails if a query of another database is part of a batch, which would run it in this one.
    fn check_same(&self, other: &Self) -> Result<(), Failure> {
        let name = |database: &Self| database.gate.binding();
        let key = |database: &Self| {
            let route = database.route.as_ref();
            route.map(|route| route.key().to_owned())
        };
        if name(self) == name(other) && key(self) == key(other) {
            return Ok(());
        }
        let message = match (name(self), name(other)) {
            (own, other) if own == other => format!(
                "the batch has queries of two keys of {own}, of which one is moving to another \
                 database; use one batch for each key"
            ),
            (own, other) => {
                format!("the batch of {own} has a query of {other}; use one batch for each")
            }
        };
        Err(Failure::new(ErrorKind::InvalidArgument, message))
    }

    /// D1 has no interactive transactions, so this never compiles: its error explains what to do
    /// instead.
    #[doc(hidden)]
    pub fn transaction<F: InteractiveTransaction>(&self, _: F) {}

    async fn run_batch<B: Batch>(&self, batch: B) -> Result<(B::Output, Counts), Failure> {
        let mut rows = batch.rows();
        let mut calls = Vec::new();
        batch.calls(&mut rows, &mut calls);
        let members = batch::members(&calls);
        let failed = |failure: Failure| {
            let reads_only = members.iter().all(|member| member.reads_only);
            after_commit(failure.in_batch(&members), reads_only)
        };

        let mut databases = Vec::new();
        batch.databases(&mut databases);
        for database in databases {
            self.check_same(database)?;
        }
        for (index, call) in calls.iter().enumerate() {
            check(call.statement, call.parameters).map_err(|failure| failed(failure.at(index)))?;
        }
        let metas = if calls.is_empty() {
            Vec::new()
        } else {
            self.send_all(&mut calls).await.map_err(failed)?
        };
        drop(calls);

        let output = B::finish(rows, &mut batch::Results::new(&metas)).map_err(failed)?;
        Ok((output, batch_measures(&metas)))
    }
}

/// Not implemented for any type.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "D1 has no interactive transactions",
    label = "cannot run inside a transaction",
    note = "`batch` runs several queries as one transaction: `env.db.batch((first, second)).await`",
    note = "put a condition into the SQL: `WHERE`, `INSERT ... SELECT`, `ON CONFLICT`, or a constraint \
            that fails the batch; for more, keep the state in a Durable Object"
)]
pub trait InteractiveTransaction {}

/// Refines the kind of an error of SQLite by its message: SQLite has one code for all errors that
/// only occur when a statement runs. These are errors of a value that the caller passed.
pub(crate) fn kind_of_message(message: &str) -> Option<ErrorKind> {
    // A checked query has no unknown column: a search text of FTS5 can name one.
    const INVALID: [&str; 7] = [
        "malformed JSON",
        "bad JSON path",
        "JSON path error",
        "LIKE or GLOB pattern too complex",
        "fts5: ",
        "unterminated string",
        "no such column: ",
    ];
    let is_invalid = INVALID.iter().any(|start| message.starts_with(start));
    is_invalid.then_some(ErrorKind::InvalidArgument)
}

/// Sums the counts of the queries. A sum is unknown if one of its counts is.
fn batch_measures(metas: &[Meta]) -> Counts {
    let rows_read = metas.iter().map(|meta| meta.rows_read);
    let rows_written = metas.iter().map(|meta| meta.rows_written);
    let measures = Measures {
        rows_read: rows_read.sum(),
        rows_written: rows_written.sum(),
        count: Some(metas.len() as u64),
        ..Measures::default()
    };
    measures.into()
}
