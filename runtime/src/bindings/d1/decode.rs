//! Decodes rows of the database into Rust values. A value that does not match its type is an error,
//! never a wrong value.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::json::JsonText;
use super::json_type::{Built, Decode};
use crate::backend::Cells;
use crate::error::{ErrorKind, Failure};
use crate::limits::MAX_SAFE_INTEGER;

/// A value as the database returns it.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// NULL
    Null,
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// TEXT
    Text(Cow<'a, str>),
    /// BLOB
    Blob(Cow<'a, [u8]>),
}

impl Cell<'_> {
    /// Returns the name of the storage class of the value.
    ///
    /// <https://www.sqlite.org/datatype3.html>
    pub(crate) fn storage_class(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Integer(_) => "INTEGER",
            Self::Real(_) => "REAL",
            Self::Text(_) => "TEXT",
            Self::Blob(_) => "BLOB",
        }
    }
}

impl Cell<'_> {
    /// Copies what the value borrows.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn into_static(self) -> Cell<'static> {
        match self {
            Self::Null => Cell::Null,
            Self::Integer(value) => Cell::Integer(value),
            Self::Real(value) => Cell::Real(value),
            Self::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
            Self::Blob(bytes) => Cell::Blob(Cow::Owned(bytes.into_owned())),
        }
    }

    /// Returns the value with its text or bytes borrowed.
    pub(crate) fn by_ref(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Integer(value) => Cell::Integer(*value),
            Self::Real(value) => Cell::Real(*value),
            Self::Text(text) => Cell::Text(Cow::Borrowed(text)),
            Self::Blob(bytes) => Cell::Blob(Cow::Borrowed(bytes)),
        }
    }
}

/// A row that is being decoded.
pub struct Row<'a> {
    cells: Cells<'a>,
    columns: &'static [&'static str],
    /// The position of each column in the result, if it is not that in `columns`.
    order: Option<&'a [usize]>,
    number: usize,
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Row")
            .field("number", &self.number)
            .field("columns", &self.columns)
            .finish()
    }
}

impl<'a> Row<'a> {
    pub(crate) fn new(
        cells: Cells<'a>,
        columns: &'static [&'static str],
        order: Option<&'a [usize]>,
        number: usize,
    ) -> Self {
        Self {
            cells,
            columns,
            order,
            number,
        }
    }

    /// A row of values that were stored.
    #[cfg(feature = "query-cache")]
    pub(crate) fn of_cells(
        cells: &'a [Cell<'static>],
        columns: &'static [&'static str],
        number: usize,
    ) -> Self {
        Self::new(Cells::of(cells), columns, None, number)
    }

    /// Returns the value of the column at `index` as it was returned.
    #[cfg(feature = "query-cache")]
    pub(crate) fn cell(&self, index: usize) -> Result<Cell<'a>, DecodeError> {
        let cell = self.cells.cell(index);
        cell.map_err(|message| self.error(index, message))
    }

    /// Decodes the value of the column at `index`, from 0.
    ///
    /// # Errors
    /// Fails if the stored value does not match the type `T`.
    pub fn take<T: FromColumn>(&mut self, index: usize) -> Result<T, DecodeError> {
        let position = match self.order {
            None => index,
            // An index beyond the columns has no cell either.
            Some(order) => order.get(index).copied().unwrap_or(usize::MAX),
        };
        let value = self.cells.cell(position).and_then(T::from_column);
        value.map_err(|message| self.error(index, message))
    }

    /// Whether the value of the column at `index` is NULL. Generated code calls it.
    #[doc(hidden)]
    pub fn is_null(&self, index: usize) -> Result<bool, DecodeError> {
        let cell = self.cells.cell(index);
        match cell {
            Ok(cell) => Ok(matches!(cell, Cell::Null)),
            Err(message) => Err(self.error(index, message)),
        }
    }

    #[cold]
    fn error(&self, index: usize, message: String) -> DecodeError {
        DecodeError {
            row: self.number,
            column: self.columns.get(index).copied().unwrap_or_default(),
            message,
        }
    }

    /// Decodes a column that is declared JSON, as text. Generated code calls it.
    #[doc(hidden)]
    pub fn take_json(&mut self, index: usize) -> Result<String, DecodeError> {
        self.take::<JsonText>(index).map(|json| json.0)
    }

    /// Decodes JSON that the statement builds. Generated code calls it.
    #[doc(hidden)]
    pub fn take_built<C: Decode>(&mut self, index: usize) -> Result<C::Output, DecodeError> {
        self.take::<Built<C>>(index).map(|built| built.0)
    }

    /// Decodes JSON that the statement builds and that can be NULL. Generated code calls it.
    #[doc(hidden)]
    pub fn take_optional_built<C: Decode>(
        &mut self,
        index: usize,
    ) -> Result<Option<C::Output>, DecodeError> {
        Ok(self.take::<Option<Built<C>>>(index)?.map(|built| built.0))
    }

    /// Decodes a column that is declared JSON and can be NULL, as text. Generated code calls it.
    #[doc(hidden)]
    pub fn take_optional_json(&mut self, index: usize) -> Result<Option<String>, DecodeError> {
        Ok(self.take::<Option<JsonText>>(index)?.map(|json| json.0))
    }
}

/// A stored value that does not match the expected type.
///
/// SQLite enforces the declared type of a column only in a STRICT table. In other tables, a column
/// can contain values of any type.
///
/// <https://www.sqlite.org/stricttables.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The number of the row in the result, from 1.
    pub row: usize,
    /// The name of the column.
    pub column: &'static str,
    /// The expected and the actual type or value.
    pub message: String,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "row {}, column `{}`: {}",
            self.row, self.column, self.message
        )
    }
}

impl std::error::Error for DecodeError {}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        let message = error.to_string();
        Self::because(ErrorKind::Decode, message, error)
    }
}

/// A type into which a row can be decoded. Generated for every query.
pub trait FromRow: Sized + Send {
    /// Decodes a row.
    ///
    /// # Errors
    /// Fails if a stored value does not match its type.
    fn from_row(row: &mut Row<'_>) -> Result<Self, DecodeError>;
}

/// The value of the first column as a row: `-- name: count_notes :one :scalar`.
impl<T: FromColumn + Send> FromRow for T {
    fn from_row(row: &mut Row<'_>) -> Result<Self, DecodeError> {
        row.take(0)
    }
}

/// A row with a single column. Generated for inline queries.
#[diagnostic::on_unimplemented(
    message = "the query returns several columns",
    label = "`scalar()` needs a query with one column"
)]
pub trait SingleColumn: FromRow {
    /// The type of the column.
    type Value: FromRow;
}

/// A type into which a column can be decoded.
///
/// Implement it for your own type and name the type in a query: `AS "status: Status"`.
///
/// # Examples
/// ```
/// use bindery::d1::{Cell, FromColumn};
///
/// struct Celsius(f64);
///
/// impl FromColumn for Celsius {
///     fn from_column(cell: Cell<'_>) -> Result<Self, String> {
///         f64::from_column(cell).map(Self)
///     }
/// }
/// ```
pub trait FromColumn: Sized {
    /// Decodes a value.
    ///
    /// # Errors
    /// Returns the expected and the actual type, such as `expected TEXT, found INTEGER`. Do not
    /// include the value: errors are logged, and stored values can be private.
    fn from_column(cell: Cell<'_>) -> Result<Self, String>;
}

fn mismatch<T>(expected: &str, found: &Cell<'_>) -> Result<T, String> {
    Err(format!(
        "expected {expected}, found {}",
        found.storage_class()
    ))
}

/// Decodes an INTEGER, or a REAL without a fraction.
impl FromColumn for i64 {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        let out_of_range = || {
            let message = "the value exceeds the integers that D1 returns exactly (2^53 - 1); store it as TEXT";
            Err(message.to_owned())
        };

        match cell {
            Cell::Integer(value) if value.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs() => {
                Ok(value)
            }
            Cell::Integer(_) => out_of_range(),
            Cell::Real(value) if value.fract() == 0.0 && value.abs() <= MAX_SAFE_INTEGER as f64 => {
                Ok(value as i64)
            }
            Cell::Real(value) if value.fract() == 0.0 => out_of_range(),
            Cell::Real(_) => Err("expected a whole number, found a fraction".to_owned()),
            other => mismatch("INTEGER", &other),
        }
    }
}

macro_rules! narrower {
    ($($ty:ty),*) => {$(
        impl FromColumn for $ty {
            fn from_column(cell: Cell<'_>) -> Result<Self, String> {
                let wide = i64::from_column(cell)?;
                Self::try_from(wide)
                    .map_err(|_| format!("the value is out of range for {}", stringify!($ty)))
            }
        }
    )*};
}
narrower!(u8, u16, u32, u64, usize, i8, i16, i32);

impl FromColumn for f64 {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Integer(value) => Ok(value as f64),
            Cell::Real(value) => Ok(value),
            other => mismatch("a number", &other),
        }
    }
}

/// Decodes `0` or `1`.
impl FromColumn for bool {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        // D1 returns integers as REAL.
        match cell {
            Cell::Integer(0) | Cell::Real(0.0) => Ok(false),
            Cell::Integer(1) | Cell::Real(1.0) => Ok(true),
            Cell::Integer(_) | Cell::Real(_) => {
                Err("expected 0 or 1, found another number".to_owned())
            }
            other => mismatch("0 or 1", &other),
        }
    }
}

impl FromColumn for String {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Text(text) => Ok(text.into_owned()),
            other => mismatch("TEXT", &other),
        }
    }
}

impl FromColumn for Vec<u8> {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Blob(bytes) => Ok(bytes.into_owned()),
            other => mismatch("BLOB", &other),
        }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Null => Ok(None),
            other => T::from_column(other).map(Some),
        }
    }
}

/// Any value except NULL: the type of a column without a declared type.
///
/// # Examples
/// ```
/// use bindery::d1::Value;
///
/// assert_eq!(Value::from("a"), Value::Text("a".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// TEXT
    Text(String),
    /// BLOB
    Blob(Vec<u8>),
}

impl FromColumn for Value {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        Ok(match cell {
            Cell::Null => return mismatch("a value", &Cell::Null),
            Cell::Real(value) if value.fract() != 0.0 || value.abs() > MAX_SAFE_INTEGER as f64 => {
                Self::Real(value)
            }
            // D1 does not distinguish 1 from 1.0.
            number @ (Cell::Integer(_) | Cell::Real(_)) => Self::Integer(i64::from_column(number)?),
            Cell::Text(text) => Self::Text(text.into_owned()),
            Cell::Blob(bytes) => Self::Blob(bytes.into_owned()),
        })
    }
}

macro_rules! value_from {
    ($($ty:ty => $variant:ident),*) => {$(
        impl From<$ty> for Value {
            fn from(value: $ty) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}
value_from!(
    i64 => Integer, i32 => Integer, f64 => Real,
    &str => Text, String => Text,
    Vec<u8> => Blob, &[u8] => Blob
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_does_not_match_its_type_is_an_error() {
        assert_eq!(i64::from_column(Cell::Real(3.0)), Ok(3));
        assert!(i64::from_column(Cell::Real(3.5)).is_err());
        assert!(i64::from_column(Cell::Integer(MAX_SAFE_INTEGER + 1)).is_err());
        assert_eq!(
            i64::from_column(Cell::Integer(-MAX_SAFE_INTEGER)),
            Ok(-MAX_SAFE_INTEGER)
        );
        assert!(i64::from_column(Cell::Integer(i64::MIN)).is_err());
        assert!(bool::from_column(Cell::Integer(2)).is_err());
        assert!(String::from_column(Cell::Null).is_err());
        assert_eq!(Option::<String>::from_column(Cell::Null), Ok(None));
        assert!(u8::from_column(Cell::Integer(256)).is_err());
        assert_eq!(f64::from_column(Cell::Integer(2)), Ok(2.0));
    }
}
