//! JSON in a TEXT column, as a type of the application.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Cell, FromColumn};

/// A value that a TEXT column stores as JSON.
///
/// Name the type in a query: `AS "tags: bindery::d1::Json<Vec<String>>"`.
///
/// # Examples
/// ```
/// use bindery::d1::{Cell, FromColumn, Json};
///
/// let cell = Cell::Text(r#"["a", "b"]"#.into());
/// let Json(tags) = Json::<Vec<String>>::from_column(cell)?;
/// assert_eq!(tags, ["a", "b"]);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromColumn for Json<T> {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        let JsonText(text) = JsonText::from_column(cell)?;
        crate::json::parse(&text)
            .map(Self)
            .map_err(|error| error.describe())
    }
}

/// The text of a column that is declared JSON.
///
/// Such a column has numeric affinity: SQLite converts the JSON text `5` to a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonText(pub String);

impl FromColumn for JsonText {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        match cell {
            Cell::Text(text) => Ok(Self(text.into_owned())),
            Cell::Integer(number) => Ok(Self(number.to_string())),
            Cell::Real(number) if number.is_finite() => Ok(Self(number.to_string())),
            other => Err(format!(
                "expected JSON text, found {}",
                other.storage_class()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_a_json_column_is_json() {
        assert_eq!(Json::<i64>::from_column(Cell::Integer(5)), Ok(Json(5)));
        assert_eq!(
            JsonText::from_column(Cell::Real(1.5)),
            Ok(JsonText("1.5".to_owned()))
        );
        assert!(Json::<i64>::from_column(Cell::Text("x".into())).is_err());
        assert!(JsonText::from_column(Cell::Null).is_err());
    }
}
