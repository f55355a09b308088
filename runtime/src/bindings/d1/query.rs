//! A query that is ready to run, and the shapes of query results.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use crate::error::{ErrorKind, Failure, Result};
use crate::observe::Measures;

use super::{D1, DecodeError, FromRow, Meta, Parameter, Row, check};

/// The SQL of a query, with its analysis. Generated.
#[derive(Debug)]
pub struct Statement {
    /// The name of the query in measurements and errors.
    pub name: &'static str,
    /// The SQL, with numbered parameters.
    pub sql: &'static str,
    /// The names of the result columns.
    pub columns: &'static [&'static str],
    /// Whether the statement only reads, and does not depend on earlier statements.
    pub reads_only: bool,
}

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
    database: &'a D1,
    pub(super) statement: &'static Statement,
    pub(super) parameters: Vec<Parameter<'a>>,
    shape: PhantomData<fn() -> S>,
}

impl<S> fmt::Debug for Query<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The parameters may be secret.
        formatter
            .debug_struct("Query")
            .field("name", &self.statement.name)
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
            statement,
            parameters: parameters.into(),
            shape: PhantomData,
        }
    }

    /// Returns the SQL of the query.
    #[must_use]
    pub fn sql(&self) -> &'static str {
        self.statement.sql
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
    /// The maximum number of rows to read.
    const LIMIT: usize;
    #[doc(hidden)]
    const WANTS_CHANGES: bool = false;

    #[doc(hidden)]
    fn finish(rows: Vec<Self::Row>, changes: Changes) -> Option<Self::Output>;
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
    const LIMIT: usize = 1;

    fn finish(rows: Vec<T>, _: Changes) -> Option<T> {
        rows.into_iter().next()
    }
}

impl<T: FromRow + 'static> Shape for Optional<T> {
    type Row = T;
    type Output = Option<T>;
    const LIMIT: usize = 1;

    fn finish(rows: Vec<T>, _: Changes) -> Option<Option<T>> {
        Some(rows.into_iter().next())
    }
}

impl<T: FromRow + 'static> Shape for Many<T> {
    type Row = T;
    type Output = Vec<T>;
    const LIMIT: usize = usize::MAX;

    fn finish(rows: Vec<T>, _: Changes) -> Option<Vec<T>> {
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
    const LIMIT: usize = 0;
    const WANTS_CHANGES: bool = true;

    fn finish(_: Vec<NoRow>, changes: Changes) -> Option<Changes> {
        Some(changes)
    }
}

/// One statement for a backend to run, with the sink for its rows.
pub(crate) struct Call<'c> {
    pub(crate) statement: &'static Statement,
    pub(crate) parameters: &'c [Parameter<'c>],
    pub(crate) rows: &'c mut dyn RowSink,
    /// The maximum number of rows that the sink takes.
    pub(crate) limit: usize,
    /// Whether the counts of rows are needed.
    #[cfg_attr(
        not(target_arch = "wasm32"),
        expect(dead_code, reason = "SQLite counts them at no cost")
    )]
    pub(crate) wants_meta: bool,
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
    /// Forgets the rows so far, because the statement runs again.
    #[cfg_attr(
        target_arch = "wasm32",
        expect(dead_code, reason = "only SQLite runs one again")
    )]
    fn clear(&mut self);
}

/// The rows of one query.
pub(crate) struct Rows<S: Shape>(pub(crate) Vec<S::Row>);

impl<S: Shape> RowSink for Rows<S> {
    fn row(&mut self, row: &mut Row<'_>) -> Result<(), DecodeError> {
        self.0.push(S::Row::from_row(row)?);
        Ok(())
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

impl<S: Shape> Rows<S> {
    pub(super) fn finish(self, meta: &Meta) -> Result<S::Output, Failure> {
        let changes = Changes {
            rows: meta.changes,
            last_row_id: meta.last_row_id,
        };
        S::finish(self.0, changes)
            .ok_or_else(|| Failure::new(ErrorKind::NotFound, "the query found no row"))
    }
}

/// Marks the failure of statements that have run: a row cannot be decoded, or is missing. The
/// platform returns the rows of a statement or batch after its transaction has ended, and the
/// native backend decodes them then, too.
pub(super) fn after_commit<'s>(
    failure: Failure,
    statements: impl IntoIterator<Item = &'s Statement>,
) -> Failure {
    let mut statements = statements.into_iter();
    let is_late = matches!(failure.kind, ErrorKind::Decode | ErrorKind::NotFound);
    if is_late && !statements.all(|statement| statement.reads_only) {
        failure.after_commit()
    } else {
        failure
    }
}

impl<'a, S: Shape> IntoFuture for Query<'a, S> {
    type Output = Result<S::Output>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self {
                database,
                statement,
                parameters,
                ..
            } = self;

            let work = async {
                check(&parameters)?;

                let mut rows = Rows::<S>(Vec::new());
                let wants_meta = S::WANTS_CHANGES || database.gate.is_watched();
                let call = Call {
                    statement,
                    parameters: &parameters,
                    rows: &mut rows,
                    limit: S::LIMIT,
                    wants_meta,
                };
                let meta = database.backend.run(call).await;
                let meta = meta.map_err(|failure| after_commit(failure, [statement]))?;

                let count = rows.0.len() as u64;
                let output = rows.finish(&meta)?;
                let measures = Measures {
                    rows_read: meta.rows_read,
                    rows_written: meta.rows_written,
                    count: Some(count),
                    ..Measures::default()
                };
                Ok((output, measures))
            };

            database
                .gate
                .pass("query", Some(statement.name), work)
                .await
        })
    }
}
