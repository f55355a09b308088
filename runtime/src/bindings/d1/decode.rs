//! From a row of the database to Rust values; what does not fit is an error, never a wrong value.

use std::borrow::Cow;
use std::fmt;

use super::json::JsonText;

use serde::{Deserialize, Serialize};

use crate::limits::MAX_SAFE_INTEGER;

/// A value as it comes from the database.
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
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Integer(_) => "INTEGER",
            Self::Real(_) => "REAL",
            Self::Text(_) => "TEXT",
            Self::Blob(_) => "BLOB",
        }
    }
}

/// Where a backend keeps the values of one row.
pub(crate) trait Cells {
    fn cell(&self, index: usize) -> Result<Cell<'_>, String>;
}

/// A row while it is read.
pub struct Row<'a> {
    cells: &'a dyn Cells,
    columns: &'static [&'static str],
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
        cells: &'a dyn Cells,
        columns: &'static [&'static str],
        number: usize,
    ) -> Self {
        Self {
            cells,
            columns,
            number,
        }
    }

    /// The value of the column at `index`, from 0.
    ///
    /// # Errors
    /// When the stored value is not of the type that was promised.
    pub fn take<T: FromColumn>(&mut self, index: usize) -> Result<T, DecodeError> {
        let value = self.cells.cell(index).and_then(T::from_column);
        value.map_err(|message| DecodeError {
            row: self.number,
            column: self.columns.get(index).copied().unwrap_or_default(),
            message,
        })
    }

    /// The text of a column that is declared JSON. Generated code calls it.
    #[doc(hidden)]
    pub fn take_json(&mut self, index: usize) -> Result<String, DecodeError> {
        self.take::<JsonText>(index).map(|json| json.0)
    }

    /// The text of a column that is declared JSON and can be NULL. Generated code calls it.
    #[doc(hidden)]
    pub fn take_optional_json(&mut self, index: usize) -> Result<Option<String>, DecodeError> {
        Ok(self.take::<Option<JsonText>>(index)?.map(|json| json.0))
    }
}

/// A stored value that is not of the type that was promised for it.
///
/// A column's declared type is a promise of the schema alone, unless its table is STRICT: SQLite
/// keeps whatever was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The row of the result, from 1.
    pub row: usize,
    /// The column.
    pub column: &'static str,
    /// What was expected, and what was there.
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

/// A type that a row can be read into. Generated for every query.
pub trait FromRow: Sized + Send {
    /// Reads the row.
    ///
    /// # Errors
    /// When a stored value is not of the type that was promised.
    fn from_row(row: &mut Row<'_>) -> Result<Self, DecodeError>;
}

/// A type that a column can be read into.
///
/// Implement it for a type of your own and name that type in a query: `AS "status: Status"`.
pub trait FromColumn: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// What was expected and what was there, as a sentence's end.
    fn from_column(cell: Cell<'_>) -> Result<Self, String>;
}

fn mismatch<T>(expected: &str, found: &Cell<'_>) -> Result<T, String> {
    Err(format!("expected {expected}, found {}", found.what()))
}

/// A whole number, from INTEGER or from a REAL that is whole.
impl FromColumn for i64 {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        let out_of_range = |value: &dyn fmt::Display| {
            Err(format!(
                "{value} is beyond what D1 gives back exactly (2^53 - 1); store it as TEXT"
            ))
        };
        match cell {
            Cell::Integer(value) if value.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs() => {
                Ok(value)
            }
            Cell::Integer(value) => out_of_range(&value),
            Cell::Real(value) if value.fract() == 0.0 && value.abs() <= MAX_SAFE_INTEGER as f64 => {
                Ok(value as i64)
            }
            Cell::Real(value) if value.fract() == 0.0 => out_of_range(&value),
            Cell::Real(value) => Err(format!("expected a whole number, found {value}")),
            other => mismatch("INTEGER", &other),
        }
    }
}

macro_rules! narrower {
    ($($ty:ty),*) => {$(
        impl FromColumn for $ty {
            fn from_column(cell: Cell<'_>) -> Result<Self, String> {
                let wide = i64::from_column(cell)?;
                Self::try_from(wide).map_err(|_| format!("{wide} does not fit into {}", stringify!($ty)))
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

/// `0` or `1`.
impl FromColumn for bool {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        match i64::from_column(cell).map_err(|error| error.replace("INTEGER", "0 or 1"))? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(format!("expected 0 or 1, found {other}")),
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

/// Any value but NULL; what a column without a type is read into.
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
            // D1 does not tell 1 from 1.0.
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
value_from!(i64 => Integer, i32 => Integer, f64 => Real, &str => Text, String => Text, Vec<u8> => Blob, &[u8] => Blob);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_breaks_its_promise_is_an_error() {
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
