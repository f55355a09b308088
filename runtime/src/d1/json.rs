//! JSON in a TEXT column, as a type of the user's.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Cell, FromColumn};

/// A value that a TEXT column holds as JSON: `AS "tags: bindery::d1::Json<Vec<String>>"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromColumn for Json<T> {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        let text = match cell {
            Cell::Text(text) => text,
            other => return Err(format!("expected JSON text, found {other:?}")),
        };
        serde_json::from_str(&text).map(Self).map_err(|error| format!("the JSON does not fit: {error}"))
    }
}
