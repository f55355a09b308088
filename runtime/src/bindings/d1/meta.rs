//! What D1 reports of a statement besides its rows.

use std::marker::PhantomData;
use std::time::Duration;

use super::page::Window;
use super::query::Shape;

/// What D1 reports of a statement besides its rows. A field is `None` if the platform does not
/// report it.
///
/// Natively `rows_read` and `rows_written` are lower bounds. Of the rows that a statement reads,
/// they count those of full scans, or those that it returns if that is more; D1 also counts each
/// row that a search in an index visits, and all rows for `count(*)`. Of the rows that it writes,
/// they count those of tables; D1 also counts those of indexes.
///
/// <https://developers.cloudflare.com/d1/worker-api/return-object/>
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meta {
    /// The rows that the statement read. D1 bills them.
    pub rows_read: Option<u64>,
    /// The rows that the statement wrote, in tables and indexes. D1 bills them.
    pub rows_written: Option<u64>,
    /// The number of inserted, updated and deleted rows, including those of triggers and of foreign
    /// key actions.
    pub changes: u64,
    /// The rowid of the last row that was inserted into the database.
    pub last_row_id: i64,
    /// The time that SQLite needed, without the network.
    pub duration: Option<Duration>,
    /// The size of the database after the statement, in bytes.
    pub size_after: Option<u64>,
    /// How often D1 tried to run a statement that reads.
    pub attempts: Option<u32>,
    /// The region of the database that served the statement, such as `WEUR`.
    pub region: Option<String>,
    /// Whether the primary database served the statement, and not a read replica.
    pub is_primary: Option<bool>,
}

/// What a caller needs to know of a statement besides its rows. It is public because [`Shape`]
/// names it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Nothing else.
    Nothing,
    /// The counts of rows.
    Counts,
    /// All of [`Meta`].
    Everything,
}

/// The result of a query with what D1 reports of it. See [`Query::with_meta`](super::Query).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WithMeta<T> {
    /// The result.
    pub output: T,
    /// What D1 reports.
    pub meta: Meta,
}

/// The result of another shape, with what D1 reports of it.
#[derive(Debug)]
pub struct Measured<S>(PhantomData<fn() -> S>);

impl<S: Shape> Shape for Measured<S> {
    type Row = S::Row;
    type Output = WithMeta<S::Output>;
    type Rows = S::Rows;
    const LIMIT: usize = S::LIMIT;
    const DETAIL: Detail = Detail::Everything;
    const NEEDS_ROW: bool = S::NEEDS_ROW;

    fn rows(window: Option<&Window>) -> Self::Rows {
        S::rows(window)
    }

    fn finish(rows: Self::Rows, meta: &Meta) -> Option<Self::Output> {
        let output = S::finish(rows, meta)?;
        let meta = meta.clone();
        Some(WithMeta { output, meta })
    }
}
