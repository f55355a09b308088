//! A query that is ready to run, and the shapes of query results.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bindery_sqlite::template::{Assembled, Piece, assemble};
use futures_util::future::BoxFuture;

use crate::error::{ErrorKind, Failure, Result};
use crate::observe::{Counts, Measures};

use super::meta::{Detail, Measured};
use super::page::Window;
use super::statement::{AnyStatement, Assembly, Statement, Unchecked};
use super::{D1, DecodeError, FromRow, Meta, Parameter, Row, SingleColumn, check};

/// A query with its parameters. Await it to run it, or pass it to [`D1::batch`].
///
/// # Examples
/// ```
/// # use bindery::d1::{FromRow, Many, Query};
/// # async fn f<Note: FromRow + 'static>(notes_of: Query<'_, Many<Note>>) -> bindery::Result<()> {
/// let notes: Vec<Note> = notes_of.await?;
/// # Ok(()) }
/// ```
#[must_use = "a query does nothing until it is awaited or part of a batch"]
pub struct Query<'a, S> {
    pub(super) database: &'a D1,
    pub(super) statement: AnyStatement,
    pub(super) parameters: Vec<Parameter<'a>>,
    shape: PhantomData<fn() -> S>,
}

impl<S> fmt::Debug for Query<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The parameters may be secret.
        formatter
            .debug_struct("Query")
            .field("name", &self.statement.name())
            .finish_non_exhaustive()
    }
}

impl<'a, S> Query<'a, S> {
    pub(crate) fn new(
        database: &'a D1,
        statement: &'static Statement,
        parameters: impl Into<Vec<Parameter<'a>>>,
    ) -> Self {
        Self {
            database,
            statement: AnyStatement::Generated(statement),
            parameters: parameters.into(),
            shape: PhantomData,
        }
    }

    /// Creates a query whose text the choices of the arguments determine.
    pub(crate) fn chosen(
        database: &'a D1,
        statement: &'static Statement,
        pieces: &[Piece<&'static str>],
        choices: &[usize],
        parameters: impl Into<Vec<Parameter<'a>>>,
    ) -> Self {
        let Assembled { sql, arguments } = assemble(pieces, choices);
        let assembly = Assembly { sql, window: None };
        Self::assembled(database, statement, assembly, &arguments, parameters.into())
    }

    /// Creates a query with an assembled text. `arguments` are the indexes of the parameters that
    /// it binds.
    pub(super) fn assembled(
        database: &'a D1,
        statement: &'static Statement,
        assembly: Assembly,
        arguments: &[usize],
        mut given: Vec<Parameter<'a>>,
    ) -> Self {
        let take = |index: &usize| match given.get_mut(*index) {
            Some(parameter) => std::mem::replace(parameter, Parameter::Null),
            None => Parameter::Null,
        };
        Self {
            database,
            parameters: arguments.iter().map(take).collect(),
            statement: AnyStatement::Assembled(statement, Arc::new(assembly)),
            shape: PhantomData,
        }
    }

    pub(super) fn unchecked(
        database: &'a D1,
        statement: Unchecked,
        parameters: Vec<Parameter<'a>>,
    ) -> Self {
        Self {
            database,
            statement: AnyStatement::Unchecked(Arc::new(statement)),
            parameters,
            shape: PhantomData,
        }
    }

    /// Returns the SQL of the query.
    #[must_use]
    pub fn sql(&self) -> &str {
        self.statement.sql()
    }

    /// Returns a query for the same result with what D1 reports of the statement: the rows that it
    /// read and wrote, its duration, and where it ran.
    ///
    /// # Examples
    /// ```
    /// # use bindery::d1::{FromRow, Many, Query};
    /// # async fn f<T: FromRow + 'static>(notes_of: Query<'_, Many<T>>) -> bindery::Result<()> {
    /// let notes = notes_of.with_meta().await?;
    /// println!("{} notes of {:?} rows", notes.output.len(), notes.meta.rows_read);
    /// # Ok(()) }
    /// ```
    pub fn with_meta(self) -> Query<'a, Measured<S>> {
        self.with_shape()
    }

    fn with_shape<T>(self) -> Query<'a, T> {
        Query {
            database: self.database,
            statement: self.statement,
            parameters: self.parameters,
            shape: PhantomData,
        }
    }
}

impl<'a, T: FromRow> Query<'a, Many<T>> {
    /// Returns a query for the first row, which fails with `NotFound` if there is no row.
    ///
    /// # Examples
    /// ```
    /// # use bindery::d1::{FromRow, Many, Query};
    /// # async fn f<Note: FromRow + 'static>(
    /// #     note_by_id: Query<'_, Many<Note>>,
    /// # ) -> bindery::Result<()> {
    /// let note: Note = note_by_id.one().await?;
    /// # Ok(()) }
    /// ```
    pub fn one(self) -> Query<'a, One<T>> {
        self.with_shape()
    }

    /// Returns a query for the values of the only column.
    ///
    /// # Examples
    /// ```
    /// # use bindery::d1::{Many, Query, SingleColumn};
    /// # async fn f<Count: SingleColumn<Value = i64> + 'static>(
    /// #     count_notes: Query<'_, Many<Count>>,
    /// # ) -> bindery::Result<()> {
    /// let count: i64 = count_notes.scalar().one().await?;
    /// # Ok(()) }
    /// ```
    pub fn scalar(self) -> Query<'a, Many<T::Value>>
    where
        T: SingleColumn,
    {
        self.with_shape()
    }

    /// Returns a query for the first row, or `None` if there is no row.
    ///
    /// # Examples
    /// ```
    /// # use bindery::d1::{FromRow, Many, Query};
    /// # async fn f<Note: FromRow + 'static>(
    /// #     note_by_id: Query<'_, Many<Note>>,
    /// # ) -> bindery::Result<()> {
    /// let note: Option<Note> = note_by_id.optional().await?;
    /// # Ok(()) }
    /// ```
    pub fn optional(self) -> Query<'a, Optional<T>> {
        self.with_shape()
    }
}

/// The result of a query, as a type.
pub trait Shape: Send + 'static {
    /// The type of a row.
    type Row: FromRow;
    /// The type of the result.
    type Output: Send;
    /// The rows that are kept.
    #[doc(hidden)]
    type Rows: Rows<Self::Row>;
    /// The maximum number of rows to read.
    const LIMIT: usize;
    #[doc(hidden)]
    const DETAIL: Detail = Detail::Nothing;
    /// Whether no row is an error.
    #[doc(hidden)]
    const NEEDS_ROW: bool = false;

    #[doc(hidden)]
    fn rows(window: Option<&Window>) -> Self::Rows;
    #[doc(hidden)]
    fn finish(rows: Self::Rows, meta: &Meta) -> Option<Self::Output>;
}

/// One row; a result without rows is an error.
#[derive(Debug)]
pub struct One<T>(PhantomData<fn() -> T>);

/// One row, or `None`.
#[derive(Debug)]
pub struct Optional<T>(PhantomData<fn() -> T>);

/// Every row.
#[derive(Debug)]
pub struct Many<T>(PhantomData<fn() -> T>);

/// No rows: the result is [`Changes`].
#[derive(Debug)]
pub struct Exec(());

/// The changes of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Changes {
    /// The number of inserted, updated and deleted rows, including those of triggers and of foreign
    /// key actions.
    pub rows: u64,
    /// The rowid of the last row that was inserted into the database.
    pub last_row_id: i64,
}

impl<T: FromRow + 'static> Shape for One<T> {
    type Row = T;
    type Output = T;
    type Rows = Option<T>;
    const LIMIT: usize = 1;
    const NEEDS_ROW: bool = true;

    fn rows(_: Option<&Window>) -> Option<T> {
        None
    }

    fn finish(row: Option<T>, _: &Meta) -> Option<T> {
        row
    }
}

impl<T: FromRow + 'static> Shape for Optional<T> {
    type Row = T;
    type Output = Option<T>;
    type Rows = Option<T>;
    const LIMIT: usize = 1;

    fn rows(_: Option<&Window>) -> Option<T> {
        None
    }

    fn finish(row: Option<T>, _: &Meta) -> Option<Option<T>> {
        Some(row)
    }
}

impl<T: FromRow + 'static> Shape for Many<T> {
    type Row = T;
    type Output = Vec<T>;
    type Rows = Vec<T>;
    const LIMIT: usize = usize::MAX;

    fn rows(_: Option<&Window>) -> Vec<T> {
        Vec::new()
    }

    fn finish(rows: Vec<T>, _: &Meta) -> Option<Vec<T>> {
        Some(rows)
    }
}

/// The row type of a statement that returns no rows.
#[doc(hidden)]
#[derive(Debug)]
pub struct NoRow;

impl FromRow for NoRow {
    fn from_row(_: &mut Row<'_>) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}

impl Shape for Exec {
    type Row = NoRow;
    type Output = Changes;
    type Rows = Vec<NoRow>;
    const LIMIT: usize = 0;
    const DETAIL: Detail = Detail::Counts;

    fn rows(_: Option<&Window>) -> Vec<NoRow> {
        Vec::new()
    }

    fn finish(_: Vec<NoRow>, meta: &Meta) -> Option<Changes> {
        Some(Changes {
            rows: meta.changes,
            last_row_id: meta.last_row_id,
        })
    }
}

/// The rows of one query: one of them, or all. It is public because [`Shape`] names it.
#[doc(hidden)]
pub trait Rows<T>: Send {
    /// Decodes a row and stores it.
    fn read(&mut self, row: &mut Row<'_>) -> Result<(), DecodeError>;
    fn count(&self) -> usize;
}

impl<T: FromRow> Rows<T> for Option<T> {
    fn read(&mut self, row: &mut Row<'_>) -> Result<(), DecodeError> {
        *self = Some(T::from_row(row)?);
        Ok(())
    }

    fn count(&self) -> usize {
        usize::from(self.is_some())
    }
}

impl<T: FromRow> Rows<T> for Vec<T> {
    fn read(&mut self, row: &mut Row<'_>) -> Result<(), DecodeError> {
        self.push(T::from_row(row)?);
        Ok(())
    }

    fn count(&self) -> usize {
        self.len()
    }
}

/// One statement for a backend to run, with the sink for its rows.
pub struct Call<'c> {
    pub(crate) statement: &'c AnyStatement,
    pub(crate) parameters: &'c [Parameter<'c>],
    pub(crate) rows: &'c mut dyn RowSink,
    /// The maximum number of rows that the sink takes.
    pub(crate) limit: usize,
    /// What is needed besides the rows.
    #[cfg_attr(
        not(target_arch = "wasm32"),
        expect(dead_code, reason = "SQLite counts at no cost")
    )]
    pub(crate) detail: Detail,
}

impl Call<'_> {
    /// Returns the same call, with its sink borrowed for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Call<'_> {
        Call {
            rows: &mut *self.rows,
            ..*self
        }
    }
}

/// Receives the rows of a statement from a backend.
pub(crate) trait RowSink: Send {
    /// Decodes a row and stores it.
    fn row(&mut self, row: &mut Row<'_>) -> Result<(), DecodeError>;
    /// Returns the number of rows of the result.
    fn count(&self) -> usize;
}

/// The sink of the rows of one query.
pub struct Collected<S: Shape>(pub(crate) S::Rows);

impl<S: Shape> Collected<S> {
    /// Creates the sink for the rows of a statement.
    pub(super) fn of(statement: &AnyStatement) -> Self {
        Self(S::rows(statement.window()))
    }
}

impl<S: Shape> RowSink for Collected<S> {
    fn row(&mut self, row: &mut Row<'_>) -> Result<(), DecodeError> {
        self.0.read(row)
    }

    fn count(&self) -> usize {
        self.0.count()
    }
}

impl<S: Shape> Collected<S> {
    pub(super) fn finish(self, meta: &Meta) -> Result<S::Output, Failure> {
        S::finish(self.0, meta).ok_or_else(no_row)
    }
}

fn no_row() -> Failure {
    Failure::new(ErrorKind::NotFound, "the query found no row")
}

/// Marks the failure of statements that have run: a row cannot be decoded, or is missing. The
/// platform returns the rows of a statement or batch after its transaction has ended, and the
/// native backend decodes them then, too.
pub(super) fn after_commit(failure: Failure, reads_only: bool) -> Failure {
    let is_late = matches!(failure.kind, ErrorKind::Decode | ErrorKind::NotFound);
    if is_late && !reads_only {
        failure.after_commit()
    } else {
        failure
    }
}

impl<'a, S: Shape> Query<'a, S> {
    /// Runs a read on this thread. Returns `None` if that is not possible, or would take too long.
    #[cfg(not(target_arch = "wasm32"))]
    fn run_now(&self) -> Option<Result<S::Output>> {
        if !self.statement.reads_only() || self.database.route.is_some() {
            return None;
        }
        let work = || {
            if let Err(failure) = check(&self.statement, &self.parameters) {
                return Some(Err(failure));
            }

            let mut rows = Collected::<S>::of(&self.statement);
            let meta = self.database.backend.try_run(self.call(&mut rows))?;
            let counted = meta.and_then(|meta| {
                let counts = check_rows(&meta, rows.0.count(), S::NEEDS_ROW)?;
                Ok((rows.finish(&meta)?, counts))
            });
            Some(counted)
        };
        let gate = &self.database.gate;
        gate.pass_now("query", Some(self.statement.name()), work)
    }

    /// Runs the query.
    async fn run(self) -> Result<S::Output> {
        let mut rows = Collected::<S>::of(&self.statement);
        let call = self.call(&mut rows);
        let meta = self.database.run(call, S::NEEDS_ROW).await?;
        let output = rows.finish(&meta);
        output.map_err(|failure| self.database.gate.failed("query", failure))
    }

    fn call<'c>(&'c self, rows: &'c mut Collected<S>) -> Call<'c> {
        Call {
            statement: &self.statement,
            parameters: &self.parameters,
            rows,
            limit: S::LIMIT,
            detail: match self.database.gate.is_watched() {
                true => S::DETAIL.max(Detail::Counts),
                false => S::DETAIL,
            },
        }
    }
}

impl D1 {
    /// Runs the call of one query. It has no type of the caller, so that it is compiled once.
    pub(super) async fn run(&self, mut call: Call<'_>, needs_row: bool) -> Result<Meta> {
        let statement = call.statement;
        let work = async {
            check(statement, call.parameters)?;

            let meta = self.send(call.reborrow()).await;
            let meta = meta.map_err(|failure| after_commit(failure, statement.reads_only()))?;
            let counts = check_rows(&meta, call.rows.count(), needs_row)?;
            Ok((meta, counts))
        };
        let result = self.gate.pass("query", Some(statement.name()), work).await;
        result.map_err(|error| error.of_read(statement.reads_only()))
    }
}

/// Returns the counts of a query that has run.
fn check_rows(meta: &Meta, rows: usize, needs_row: bool) -> Result<Counts, Failure> {
    let counts = Counts::from(Measures {
        rows_read: meta.rows_read,
        rows_written: meta.rows_written,
        count: Some(rows as u64),
        ..Measures::default()
    });
    if needs_row && rows == 0 {
        return Err(no_row().with(counts));
    }
    Ok(counts)
}

impl<'a, S: Shape> IntoFuture for Query<'a, S> {
    type Output = Result<S::Output>;
    type IntoFuture = QueryFuture<'a, S>;

    fn into_future(self) -> Self::IntoFuture {
        QueryFuture(Progress::New(self))
    }
}

/// The future of a [`Query`]. A short read natively is done when it is first polled, and then needs
/// no allocation.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct QueryFuture<'a, S: Shape>(Progress<'a, S>);

enum Progress<'a, S: Shape> {
    New(Query<'a, S>),
    Running(BoxFuture<'a, Result<S::Output>>),
    Done,
}

impl<S: Shape> fmt::Debug for QueryFuture<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("QueryFuture")
            .finish_non_exhaustive()
    }
}

impl<'a, S: Shape> Future for QueryFuture<'a, S> {
    type Output = Result<S::Output>;

    #[expect(
        clippy::panic,
        reason = "every future may panic when it is polled after its end"
    )]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut running = match std::mem::replace(&mut self.0, Progress::Done) {
            Progress::New(query) => {
                #[cfg(not(target_arch = "wasm32"))]
                if let Some(result) = query.run_now() {
                    return Poll::Ready(result);
                }
                Box::pin(query.run()) as BoxFuture<'a, _>
            }
            Progress::Running(running) => running,
            Progress::Done => panic!("a query was polled after its end"),
        };

        let result = running.as_mut().poll(context);
        if result.is_pending() {
            self.0 = Progress::Running(running);
        }
        result
    }
}
