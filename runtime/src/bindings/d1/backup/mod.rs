//! Backups: the rows of tables as JSON lines or SQL, and back.

mod export;
mod import;
mod insert;
mod table;
mod value;

use std::borrow::Cow;

use crate::d1::{D1, Parameter};

pub use export::Export;
pub use import::{Import, Imported};
pub(crate) use insert::Inserts;
pub(crate) use table::{Selection, Table};
#[cfg(feature = "query-cache")]
pub(crate) use value::{Stored, parse_row};

/// Backups.
impl D1 {
    /// Returns the rows of the tables as a stream of JSON lines, such as for R2. A cron can call
    /// it.
    ///
    /// The first line of a table has its name and its columns, and each line after it the values
    /// of a row: a number without fraction or exponent is an INTEGER, any other number a REAL, and
    /// `{"blob":"00ff"}` a BLOB. Generated columns, virtual tables and the list of migrations are
    /// left out. A table comes after those that its foreign keys refer to.
    ///
    /// The rows are read in pages. Rows that change during the export are in it as they were before
    /// or after the change, so the foreign keys of such rows need not match.
    ///
    /// # Errors
    /// The stream ends after an error. See [`D1`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, d1::D1, r2::R2};
    /// # struct Env<B> { db: D1, storage: R2<B> }
    /// # async fn f<B: Binding>(env: &Env<B>) -> bindery::Result<()> {
    /// use bindery::r2::Content;
    ///
    /// let rows = Content::stream(env.db.export());
    /// env.storage.put("backups/today.jsonl", rows).await?;
    /// # Ok(()) }
    /// ```
    pub fn export(&self) -> Export<'_> {
        Export::new(self)
    }

    /// Inserts the rows of an [export](Self::export) into tables that exist: create them with the
    /// migrations first. It reads JSON lines.
    ///
    /// The rows are inserted in transactions of about a megabyte, in the order of the lines.
    ///
    /// # Errors
    /// `InvalidArgument` if a line is not that of an export, and `Constraint` if a row exists,
    /// unless [`skip_existing`](Import::skip_existing) is set. The rows of the transactions before
    /// are then stored. See also [`D1`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, d1::D1, r2::R2};
    /// # struct Env<B> { db: D1, storage: R2<B> }
    /// # async fn f<B: Binding>(env: &Env<B>) -> bindery::Result<()> {
    /// if let Some(backup) = env.storage.get("backups/today.jsonl").await? {
    ///     let imported = env.db.import(backup.body).skip_existing().await?;
    ///     println!("{} rows", imported.rows);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn import<'a>(&'a self, lines: impl Into<crate::r2::Content<'a>>) -> Import<'a> {
        Import::new(self, lines.into())
    }
}

/// A name in double quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns a query for some text of this module.
fn query<'a>(
    database: &'a D1,
    sql: impl Into<Cow<'static, str>>,
    parameters: impl IntoIterator<Item = Parameter<'a>>,
) -> crate::d1::UncheckedQuery<'a> {
    let query = database.unchecked(sql).named("backup");
    parameters
        .into_iter()
        .fold(query, crate::d1::UncheckedQuery::bind)
}
