//! The enums of columns whose CHECK allows only a list of texts.

use std::fmt;

use super::Cell;

/// A text that is not one of the texts of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownText {
    text: String,
    known: Vec<&'static str>,
}

impl fmt::Display for UnknownText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.join(", ");
        write!(
            formatter,
            "expected one of {known}, found `{text}`",
            text = self.text
        )
    }
}

impl std::error::Error for UnknownText {}

/// Returns the variant with a text.
pub(crate) fn parse_text<T: Copy>(
    text: &str,
    variants: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, UnknownText> {
    let variant = variants.iter().find(|variant| as_str(**variant) == text);
    variant.copied().ok_or_else(|| UnknownText {
        text: text.to_owned(),
        known: variants.iter().map(|variant| as_str(*variant)).collect(),
    })
}

/// Returns the variant with the text of a cell.
pub(crate) fn decode_text<T: Copy>(
    cell: Cell<'_>,
    variants: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, String> {
    match cell {
        Cell::Text(text) => {
            let known =
                |unknown: UnknownText| format!("expected one of {}", unknown.known.join(", "));
            parse_text(&text, variants, as_str).map_err(known)
        }
        other => Err(format!("expected TEXT, found {}", other.storage_class())),
    }
}
