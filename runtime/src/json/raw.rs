//! The text of a value in JSON, which is read later.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// The text of a value. Only the [`Reader`](super::Reader) can read it.
///
/// `RawValue` of `serde_json` needs a feature that links its parser into every worker that
/// serializes a `serde_json::Value`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawText<'j>(pub(crate) &'j str);

/// The name of the type, by which the reader recognizes it.
pub(super) const NAME: &str = "$bindery::RawText";

impl<'de: 'j, 'j> Deserialize<'de> for RawText<'j> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = RawText<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(RawText(text))
    }
}
