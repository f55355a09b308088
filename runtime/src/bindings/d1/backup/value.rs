//! A value of a backup: in JSON, in SQL, and as a parameter.

use std::fmt::Write;

use serde::Deserialize;

use crate::d1::Parameter;
use crate::json::{self, RawText};

/// A value, with the type in which SQLite stores it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stored {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

#[derive(Deserialize)]
struct Blob {
    blob: String,
}

/// The expression that returns a value as JSON, which [`Stored::parse`] reads.
///
/// SQLite does not print every number exactly, so a REAL is an integer and the power of 2 to
/// multiply it with: divisions by powers of 2 are exact.
pub(super) fn json(expression: &str) -> String {
    let e = expression;
    let parts = |e: &str, shift: i32| {
        // Two bits more than a number has, because the logarithm is not exact.
        let power = format!("(CAST(log2(abs({e})) AS INTEGER) - 54)");
        let integer = format!("CAST({e} / pow(2, {power}) AS INTEGER)");
        format!("'[' || {integer} || ',' || ({power} - {shift}) || ']'")
    };
    let (usual, small) = (parts(e, 0), parts(&format!("({e} * pow(2, 500))"), 500));
    format!(
        "CASE typeof({e}) WHEN 'null' THEN 'null' WHEN 'integer' THEN CAST({e} AS TEXT) WHEN 'real' \
         THEN CASE WHEN {e} = 0 THEN '0.0' WHEN {e} = 9e999 THEN '1e999' WHEN {e} = -9e999 THEN \
         '-1e999' WHEN abs({e}) < 1e-200 THEN {small} ELSE {usual} END \
         WHEN 'text' THEN json_quote({e}) ELSE '{{\"blob\":\"' || hex({e}) || '\"}}' END"
    )
}

/// Reads the values of a row. Returns `None` if they are not those of an export.
pub(crate) fn parse_row(json: &str) -> Option<Vec<Stored>> {
    let values: Vec<RawText<'_>> = json::parse(json).ok()?;
    values
        .into_iter()
        .map(|RawText(value)| Stored::parse(value))
        .collect()
}

impl Stored {
    fn parse(json: &str) -> Option<Self> {
        match json.as_bytes().first()? {
            b'n' => Some(Self::Null),
            b'"' => json::parse(json).ok().map(Self::Text),
            b'{' => {
                let Blob { blob } = json::parse(json).ok()?;
                bytes(&blob).map(Self::Blob)
            }
            b'[' => {
                let (integer, power): (i64, i32) = json::parse(json).ok()?;
                // In two steps, because the power alone can be too small for a number.
                let half = power / 2;
                let value = integer as f64 * 2_f64.powi(half) * 2_f64.powi(power - half);
                Some(Self::Real(value))
            }
            // An infinity is larger than JSON parsers accept.
            _ if json.contains(['.', 'e', 'E']) => json.parse().ok().map(Self::Real),
            _ => json.parse().ok().map(Self::Integer),
        }
    }

    /// Writes the value as JSON.
    pub(crate) fn push_json(&self, json: &mut String) {
        match self {
            Self::Null => json.push_str("null"),
            Self::Integer(value) => {
                let _ = write!(json, "{value}");
            }
            Self::Real(value) if value.is_infinite() => {
                json.push_str(if *value > 0.0 { "1e999" } else { "-1e999" });
            }
            // The shortest text with all digits, and with a point or an exponent.
            Self::Real(value) => {
                let _ = write!(json, "{value:?}");
            }
            Self::Text(text) => json.push_str(&serde_json::to_string(text).unwrap_or_default()),
            Self::Blob(bytes) => {
                json.push_str("{\"blob\":\"");
                push_hexadecimal(json, bytes);
                json.push_str("\"}");
            }
        }
    }

    /// Writes the value as a literal of SQL.
    pub(super) fn push_sql(&self, sql: &mut String) {
        match self {
            Self::Null => sql.push_str("NULL"),
            // SQLite reads this literal as a REAL.
            Self::Integer(i64::MIN) => sql.push_str("(-9223372036854775807 - 1)"),
            Self::Real(value) if value.is_infinite() => {
                sql.push_str(if *value > 0.0 { "9e999" } else { "-9e999" });
            }
            Self::Integer(_) | Self::Real(_) => self.push_json(sql),
            // A NUL would end the statement.
            Self::Text(text) if text.contains('\0') => {
                sql.push_str("CAST(X'");
                push_hexadecimal(sql, text.as_bytes());
                sql.push_str("' AS TEXT)");
            }
            Self::Text(text) => {
                let _ = write!(sql, "'{}'", text.replace('\'', "''"));
            }
            Self::Blob(bytes) => {
                sql.push_str("X'");
                push_hexadecimal(sql, bytes);
                sql.push('\'');
            }
        }
    }

    /// Returns the parameter of the value, and the expression that reads it as parameter `number`.
    /// An INTEGER is a text, because D1 binds numbers as REAL.
    pub(super) fn bind(self, number: usize) -> (Parameter<'static>, String) {
        match self {
            Self::Null => (Parameter::Null, format!("?{number}")),
            Self::Integer(value) => {
                let text = Parameter::Text(value.to_string().into());
                (text, format!("CAST(?{number} AS INTEGER)"))
            }
            Self::Real(value) if value.is_infinite() => {
                let literal = if value > 0.0 { "9e999" } else { "-9e999" };
                (Parameter::Null, format!("coalesce(?{number}, {literal})"))
            }
            Self::Real(value) => (Parameter::Real(value), format!("?{number}")),
            Self::Text(text) => (Parameter::Text(text.into()), format!("?{number}")),
            Self::Blob(bytes) => (Parameter::Blob(bytes.into()), format!("?{number}")),
        }
    }

    /// Adds a piece of a value that was read in pieces. Returns whether it was not empty.
    pub(super) fn append(&mut self, piece: Self) -> bool {
        match (self, piece) {
            (Self::Text(text), Self::Text(piece)) => {
                text.push_str(&piece);
                !piece.is_empty()
            }
            (Self::Blob(bytes), Self::Blob(piece)) => {
                bytes.extend_from_slice(&piece);
                !piece.is_empty()
            }
            _ => false,
        }
    }
}

fn push_hexadecimal(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "{byte:02X}");
    }
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits = hexadecimal.as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::{Stored, parse_row};

    #[test]
    fn values_are_the_same_in_json() {
        let row = vec![
            Stored::Null,
            Stored::Integer(i64::MIN),
            Stored::Integer(i64::MAX),
            Stored::Real(0.1),
            Stored::Real(1.0),
            Stored::Real(-5e-324),
            Stored::Real(f64::MAX),
            Stored::Real(f64::INFINITY),
            Stored::Text("a\0\"\u{1f600}\n".to_owned()),
            Stored::Blob(vec![0, 255]),
            Stored::Blob(Vec::new()),
        ];
        let mut json = String::new();
        for value in &row {
            json.push(if json.is_empty() { '[' } else { ',' });
            value.push_json(&mut json);
        }
        json.push(']');
        assert_eq!(parse_row(&json), Some(row));
        for invalid in [
            "",
            "[",
            "[{}]",
            "[{\"blob\":\"0\"}]",
            "[{\"blob\":\"0g\"}]",
            "[[1]]",
            "[true]",
        ] {
            assert_eq!(parse_row(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn literals() {
        let sql = |value: Stored| {
            let mut sql = String::new();
            value.push_sql(&mut sql);
            sql
        };
        assert_eq!(sql(Stored::Text("it's".to_owned())), "'it''s'");
        assert_eq!(sql(Stored::Text("\0".to_owned())), "CAST(X'00' AS TEXT)");
        assert_eq!(sql(Stored::Blob(vec![1, 255])), "X'01FF'");
        assert_eq!(sql(Stored::Real(2.0)), "2.0");
        assert_eq!(sql(Stored::Integer(i64::MIN)), "(-9223372036854775807 - 1)");
    }
}
