//! Columns that a CHECK holds to a list of texts.

use std::fmt;

use super::Cell;

/// A text that is none of those that a CHECK leaves to its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownText {
    text: String,
    known: Vec<&'static str>,
}

impl fmt::Display for UnknownText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "expected one of {}, found `{}`",
            self.known.join(", "),
            self.text
        )
    }
}

impl std::error::Error for UnknownText {}

pub(crate) fn choose<T: Copy>(
    text: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, UnknownText> {
    all.iter()
        .copied()
        .find(|choice| as_str(*choice) == text)
        .ok_or_else(|| UnknownText {
            text: text.to_owned(),
            known: all.iter().map(|choice| as_str(*choice)).collect(),
        })
}

pub(crate) fn choose_cell<T: Copy>(
    cell: Cell<'_>,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, String> {
    match cell {
        Cell::Text(text) => choose(&text, all, as_str).map_err(|unknown| unknown.to_string()),
        other => Err(format!("expected TEXT, found {}", other.what())),
    }
}
