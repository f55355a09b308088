//! Statements that are not checked at compile time.

use std::borrow::Cow;
use std::fmt;

use super::statement;
use super::{D1, Exec, FromRow, Many, One, Optional, Parameter, Query};

/// A row type for statements that are not checked at compile time. Derived.
///
/// A field has the value of the column of its name. The result must have exactly these columns, in
/// any order.
///
/// # Examples
/// ```
/// use bindery::d1::NamedRow;
///
/// #[derive(bindery::Row)]
/// struct User {
///     id: i64,
///     name: Option<String>,
/// }
/// assert_eq!(User::COLUMNS, ["id", "name"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row type for an unchecked statement",
    label = "its columns have no names",
    note = "write `#[derive(bindery::Row)]` on a struct, without `#[row(from = ..)]`"
)]
pub trait NamedRow: FromRow {
    /// The names of the columns, in the order in which [`FromRow`] reads them.
    const COLUMNS: &'static [&'static str];
}

impl D1 {
    /// Starts a statement that is not checked at compile time.
    ///
    /// Use it only for SQL that is not known at compile time, or that bindery does not support.
    /// Everything that the compiler checks in other queries is an error at run time here, or is not
    /// noticed: the syntax, the names, the types of the parameters and of the columns, and an
    /// UPDATE or DELETE without WHERE.
    ///
    /// Bind every value with [`bind`](UncheckedQuery::bind). Do not write values into the SQL: an
    /// error of SQLite can quote it.
    ///
    /// A statement with SELECT or VALUES only reads. Any other statement is treated as a write.
    ///
    /// # Errors
    /// A query of it fails, before anything is sent, with
    /// - `InvalidArgument` if the SQL is not exactly one statement, if the number of values is not
    ///   that of its parameters, or if a value cannot be bound,
    /// - `TooLarge` if the SQL has more than 100,000 bytes, if there are more than 100 parameters,
    ///   or if a value has more than 2,000,000 bytes.
    ///
    /// SQL that SQLite rejects is an `InvalidArgument`, unless a constraint is violated or D1 does
    /// not allow the statement. If the columns of the result are not those of the row type, or a
    /// value does not have the type of its field, the error is `Decode`.
    ///
    /// # Examples
    /// ```
    /// use bindery::d1::D1;
    ///
    /// #[derive(bindery::Row)]
    /// struct User {
    ///     id: i64,
    ///     name: Option<String>,
    /// }
    ///
    /// async fn users(database: &D1, org: i64, column: &str) -> bindery::Result<Vec<User>> {
    ///     let column = if column == "name" { "name" } else { "id" };
    ///     let sql = format!("SELECT id, name FROM users WHERE org = ?1 ORDER BY {column}");
    ///     database.unchecked(sql).bind(org).all::<User>().await
    /// }
    /// ```
    pub fn unchecked(&self, sql: impl Into<Cow<'static, str>>) -> UncheckedQuery<'_> {
        UncheckedQuery {
            database: self,
            name: "unchecked",
            sql: sql.into(),
            parameters: Vec::new(),
        }
    }
}

/// A statement that is not checked at compile time: see [`D1::unchecked`].
#[must_use = "a statement does nothing until one of its queries is awaited or part of a batch"]
pub struct UncheckedQuery<'a> {
    database: &'a D1,
    name: &'static str,
    sql: Cow<'static, str>,
    parameters: Vec<Parameter<'a>>,
}

impl fmt::Debug for UncheckedQuery<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The parameters may be secret.
        formatter
            .debug_struct("UncheckedQuery")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<'a> UncheckedQuery<'a> {
    /// Sets the name of the query in measurements and errors. The default is `unchecked`.
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Binds a value to the next parameter: the first value to `?1`, the second to `?2`, and so on.
    ///
    /// An `Option` can be NULL, and a `bool` is 0 or 1.
    pub fn bind(mut self, value: impl Into<Parameter<'a>>) -> Self {
        self.parameters.push(value.into());
        self
    }

    /// Returns a query for all rows.
    pub fn all<T: NamedRow>(self) -> Query<'a, Many<T>> {
        self.query(Some(T::COLUMNS))
    }

    /// Returns a query for the first row, which fails with `NotFound` if there is no row.
    pub fn one<T: NamedRow>(self) -> Query<'a, One<T>> {
        self.query(Some(T::COLUMNS))
    }

    /// Returns a query for the first row, or `None` if there is no row.
    pub fn optional<T: NamedRow>(self) -> Query<'a, Optional<T>> {
        self.query(Some(T::COLUMNS))
    }

    /// Returns a query that discards the rows: its result is [`Changes`](super::Changes).
    pub fn execute(self) -> Query<'a, Exec> {
        self.query(None)
    }

    fn query<S>(self, columns: Option<&'static [&'static str]>) -> Query<'a, S> {
        let statement = statement::Unchecked::new(self.name, self.sql, columns);
        Query::unchecked(self.database, statement, self.parameters)
    }
}
