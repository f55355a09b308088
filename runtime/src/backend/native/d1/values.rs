//! Parameters and the values of rows, as D1 binds and returns them.

use std::borrow::Cow;

use bindery_sqlite::rusqlite::types::{ToSqlOutput, Value, ValueRef};
use bindery_sqlite::rusqlite::{self, Statement as Prepared, ToSql};

use crate::d1::{Cell, Parameter};
use crate::error::Failure;

/// Removes the sign of a zero, as D1 does: JavaScript writes it as `0` in JSON.
fn positive_zero(value: f64) -> f64 {
    value + 0.0
}

/// A parameter, bound as on D1: every number is REAL.
struct Bound<'a>(&'a Parameter<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            // The caller has reported refused parameters.
            Parameter::Null | Parameter::Refused(_) => ToSqlOutput::Owned(Value::Null),
            Parameter::Integer(value) => ToSqlOutput::Owned(Value::Real(*value as f64)),
            Parameter::Real(value) => ToSqlOutput::Owned(Value::Real(positive_zero(*value))),
            Parameter::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Parameter::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

pub(super) fn bind(
    statement: &mut Prepared<'_>,
    parameters: &[Parameter<'_>],
) -> Result<(), Failure> {
    for (index, parameter) in parameters.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, Bound(parameter))?;
    }
    Ok(())
}

/// The values of one row: of the current row of a statement, or copied from one.
#[derive(Clone, Copy)]
pub(crate) enum Cells<'a> {
    Row(&'a rusqlite::Row<'a>),
    Values(&'a [Cell<'static>]),
}

impl<'a> Cells<'a> {
    /// The values of a row that was stored.
    #[cfg(feature = "query-cache")]
    pub(crate) fn of(cells: &'a [Cell<'static>]) -> Self {
        Self::Values(cells)
    }

    /// Returns the value of the column at `index`, from 0.
    pub(crate) fn cell(&self, index: usize) -> Result<Cell<'a>, String> {
        match self {
            Self::Row(row) => row
                .get_ref(index)
                .map(cell)
                .map_err(|error| error.to_string()),
            Self::Values(cells) => {
                let cell = cells.get(index).map(Cell::by_ref);
                cell.ok_or_else(|| "there is no such column".to_owned())
            }
        }
    }
}

pub(super) fn cell(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Integer(value),
        // D1 returns an infinity as null.
        ValueRef::Real(value) if !value.is_finite() => Cell::Null,
        ValueRef::Real(value) => Cell::Real(positive_zero(value)),
        // The check of valid text is faster than the conversion of text that may be invalid.
        ValueRef::Text(text) => Cell::Text(match std::str::from_utf8(text) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(text),
        }),
        ValueRef::Blob(bytes) => Cell::Blob(bytes.into()),
    }
}
