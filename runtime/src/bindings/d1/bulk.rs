//! Inserts the rows of a slice.

use std::fmt;
use std::future::IntoFuture;

use bindery_sqlite::bulk::plain;
use futures_util::future::BoxFuture;

use super::batch::{Batch, Results};
use super::list::push_row;
use super::query::{Call, Collected};
use super::statement::Assembly;
use super::{Changes, D1, Exec, Parameter, Query, Statement};
use crate::error::{Failure, Result};

/// The bytes of a parameter with rows, about. D1 allows 2,000,000.
const CHUNK_BYTES: usize = 1_000_000;

/// An INSERT of the rows of a slice of any length, which a query annotated `:bulk` returns. Await
/// it, or pass it to [`D1::batch`].
///
/// The rows are sent as JSON in statements of about a megabyte, which are one transaction: either
/// all rows are stored, or none. It changes nothing if the slice is empty.
///
/// # Examples
/// ```
/// # use bindery::d1::Bulk;
/// # async fn f(add_notes: Bulk<'_>) -> bindery::Result<()> {
/// let changes = add_notes.await?;
/// println!("{} rows", changes.rows);
/// # Ok(()) }
/// ```
#[must_use = "a query does nothing until it is awaited or part of a batch"]
pub struct Bulk<'a> {
    pub(super) database: &'a D1,
    queries: Vec<Query<'a, Exec>>,
}

impl fmt::Debug for Bulk<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Bulk")
            .field("queries", &self.queries)
            .finish_non_exhaustive()
    }
}

impl<'a> Bulk<'a> {
    pub(crate) fn new<'r, const N: usize>(
        database: &'a D1,
        statement: &'static Statement,
        rows: impl Iterator<Item = [Parameter<'r>; N]>,
    ) -> Self {
        let mut chunks = Chunks {
            database,
            statement,
            queries: Vec::new(),
        };
        let mut json = String::new();
        let mut is_plain = [true; N];

        for (index, row) in rows.enumerate() {
            json.push(if json.is_empty() { '[' } else { ',' });
            if let Err(reason) = push_row(&mut json, row, &mut is_plain) {
                let refused = Parameter::Refused(format!("row {}: {reason}", index + 1));
                let queries = vec![Query::new(database, statement, [refused])];
                return Self { database, queries };
            }
            if json.len() >= CHUNK_BYTES {
                chunks.push(std::mem::take(&mut json), &is_plain);
                is_plain = [true; N];
            }
        }

        if !json.is_empty() {
            chunks.push(json, &is_plain);
        }
        let queries = chunks.queries;
        Self { database, queries }
    }
}

/// The statements for the rows so far.
struct Chunks<'a> {
    database: &'a D1,
    statement: &'static Statement,
    queries: Vec<Query<'a, Exec>>,
}

impl Chunks<'_> {
    /// Adds a statement for some rows, whose array has no end yet.
    fn push(&mut self, mut json: String, is_plain: &[bool]) {
        json.push(']');
        let sql = plain(self.statement.sql, is_plain);
        let assembly = Assembly { sql, window: None };
        let parameters = vec![Parameter::Text(json.into())];
        let query = Query::assembled(self.database, self.statement, assembly, &[0], parameters);
        self.queries.push(query);
    }
}

impl<'a> IntoFuture for Bulk<'a> {
    type Output = Result<Changes>;
    type IntoFuture = BoxFuture<'a, Result<Changes>>;

    fn into_future(mut self) -> Self::IntoFuture {
        match self.queries.len() {
            1 => Box::pin(self.queries.remove(0).into_future()),
            _ => self.database.batch(self),
        }
    }
}

impl Batch for Bulk<'_> {
    type Output = Changes;
    type Rows = Vec<Collected<Exec>>;

    fn databases<'d>(&'d self, found: &mut Vec<&'d D1>) {
        found.push(self.database);
    }

    fn rows(&self) -> Self::Rows {
        self.queries.rows()
    }

    fn calls<'c>(&'c self, rows: &'c mut Self::Rows, calls: &mut Vec<Call<'c>>) {
        self.queries.calls(rows, calls);
    }

    fn finish(rows: Self::Rows, results: &mut Results<'_>) -> Result<Changes, Failure> {
        let all = Vec::<Query<'_, Exec>>::finish(rows, results)?;
        let last_row_id = all.last().map_or(0, |changes| changes.last_row_id);
        Ok(Changes {
            rows: all.iter().map(|changes| changes.rows).sum(),
            last_row_id,
        })
    }
}
