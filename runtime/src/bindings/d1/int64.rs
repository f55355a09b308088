//! 64-bit integers as text.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Cell, FromColumn, Parameter};

/// A 64-bit integer that crosses as text: D1 returns numbers as doubles, which have 53 bits.
///
/// Name the type of a column in `Cargo.toml`: `types = { "events.id" = "bindery::d1::Int64" }`.
/// Parameters for the column are then texts. A column of type INTEGER stores and compares them as
/// integers, without losing a bit, and so does a TEXT column. A query that reads the column casts
/// it: `SELECT CAST(id AS TEXT) AS "id: bindery::d1::Int64"`. Without the cast, D1 returns an
/// integer beyond 2^53 - 1 inexactly, and reading it is an error.
///
/// Serde writes it as a text too, because JavaScript cannot read larger numbers from JSON.
///
/// # Examples
/// ```
/// use bindery::d1::Int64;
///
/// let id: Int64 = "9223372036854775807".parse()?;
/// assert_eq!(id, Int64(i64::MAX));
/// # Ok::<(), std::num::ParseIntError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Int64(pub i64);

impl FromColumn for Int64 {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        match &cell {
            Cell::Text(text) => {
                let parsed = text.parse().map(Self);
                parsed.map_err(|_| "expected the text of an integer".to_owned())
            }
            Cell::Integer(_) | Cell::Real(_) => i64::from_column(cell)
                .map(Self)
                .map_err(|reason| format!("{reason}; read the column with `CAST(.. AS TEXT)`")),
            other => Err(format!(
                "expected the text of an integer, found {}",
                other.storage_class()
            )),
        }
    }
}

impl From<Int64> for Parameter<'_> {
    fn from(value: Int64) -> Self {
        Self::Text(value.0.to_string().into())
    }
}

impl From<i64> for Int64 {
    fn from(value: i64) -> Self {
        Self(value)
    }
}

impl From<Int64> for i64 {
    fn from(value: Int64) -> Self {
        value.0
    }
}

impl fmt::Display for Int64 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for Int64 {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

impl Serialize for Int64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNumber)
    }
}

struct TextOrNumber;

impl Visitor<'_> for TextOrNumber {
    type Value = Int64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an integer as text or number")
    }

    fn visit_i64<E>(self, value: i64) -> Result<Int64, E> {
        Ok(Int64(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Int64, E> {
        let value = i64::try_from(value).map_err(|_| E::custom("the integer has over 64 bits"));
        value.map(Int64)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Int64, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, FromColumn, Int64};

    #[test]
    fn cells() {
        let decode = |cell| Int64::from_column(cell).map(i64::from);
        assert_eq!(
            decode(Cell::Text("-9223372036854775808".into())),
            Ok(i64::MIN)
        );
        assert_eq!(decode(Cell::Integer(7)), Ok(7));
        assert_eq!(decode(Cell::Real(7.0)), Ok(7));
        assert!(decode(Cell::Integer(1 << 53)).is_err_and(|reason| reason.contains("CAST(..")));
        assert!(decode(Cell::Text("7.0".into())).is_err());
        assert!(decode(Cell::Null).is_err());
    }

    #[test]
    fn json() {
        let json = serde_json::to_string(&Int64(i64::MAX));
        assert_eq!(json.ok().as_deref(), Some("\"9223372036854775807\""));
        let parse = |text| serde_json::from_str::<Int64>(text).ok();
        assert_eq!(parse("\"-7\""), Some(Int64(-7)));
        assert_eq!(parse("7"), Some(Int64(7)));
        assert_eq!(parse("9223372036854775808"), None);
        assert_eq!(parse("1.5"), None);
    }
}
