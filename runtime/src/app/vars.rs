//! Variables and secrets.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::json::{self, ReadError};

/// A secret, which `Debug` does not print.
///
/// It does not implement `Display`, so that only [`expose`](Self::expose) can put a secret into a
/// log or a response.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(value: String) -> Self {
        Self(value)
    }

    /// Returns the text of the secret. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// The value of a variable, before it is converted to the type of its field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RawVar {
    /// Text. Every value from the dashboard, a `.dev.vars` file or the process environment is text.
    Text(String),
    /// The JSON of a value of another type than string.
    Json(String),
}

impl RawVar {
    /// Converts a value of the manifest, which the compiler wrote as JSON.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn of_json(json: &str) -> Self {
        Self::new(json::parse(json).unwrap_or(serde_json::Value::Null))
    }

    /// Converts a JSON value.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn new(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::String(text) => Self::Text(text),
            other => Self::Json(other.to_string()),
        }
    }

    /// Converts the value to the type of a field.
    ///
    /// Text is first used as a string value, and then parsed as JSON: the dashboard stores every
    /// variable as text, also numbers and objects.
    ///
    /// # Errors
    /// Returns the end of an error message. It is empty for text, because it would quote the text.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, String> {
        let (candidates, is_text) = match self {
            Self::Text(text) => {
                let string = serde_json::to_string(&text).unwrap_or_default();
                (vec![string, text], true)
            }
            Self::Json(value) => (vec![value], false),
        };

        let mut reason = String::new();
        for candidate in &candidates {
            match parse(candidate) {
                Ok(value) => return Ok(value),
                // The value is not in a file, so a place would not help.
                Err(error) if !is_text => reason = format!(": {}", error.problem()),
                Err(_) => {}
            }
        }
        Err(reason)
    }
}

/// Parses JSON as an owned value.
fn parse<T: DeserializeOwned>(json: &str) -> Result<T, ReadError> {
    json::parse(json)
}

#[cfg(test)]
mod tests {
    use super::RawVar;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        Debug,
    }

    #[test]
    fn text_is_converted_to_the_type_of_the_field() {
        let text = |text: &str| RawVar::Text(text.to_owned());

        assert_eq!(text("7").read::<String>().as_deref(), Ok("7"));
        assert_eq!(text("7").read::<i64>(), Ok(7));
        assert_eq!(
            text("abc").read::<Option<String>>(),
            Ok(Some("abc".to_owned()))
        );
        assert_eq!(text("true").read::<bool>(), Ok(true));
        assert_eq!(text("debug").read::<Level>(), Ok(Level::Debug));
        assert_eq!(text("[1, 2]").read::<Vec<i64>>(), Ok(vec![1, 2]));
        assert_eq!(text("seven").read::<i64>(), Err(String::new()));

        let json = |json: &str| RawVar::Json(json.to_owned());
        let error = json("1.5").read::<i64>();
        assert!(error.is_err_and(|reason| reason.contains("expected i64")));
        assert_eq!(json("null").read::<Option<i64>>(), Ok(None));
    }
}
