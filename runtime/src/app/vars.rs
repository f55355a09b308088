//! Variables and secrets.

use std::fmt;

use serde::de::DeserializeOwned;

/// A secret: a text that never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(value: String) -> Self {
        Self(value)
    }

    /// The text itself. Whoever calls this takes care of where it goes.
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

/// A variable as the platform gives it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RawVar {
    /// A text: from the dashboard, a `.dev.vars` file or the process's environment every value is one.
    Text(String),
    /// JSON of another type.
    Json(serde_json::Value),
}

impl RawVar {
    /// A value of the manifest: JSON that the compiler wrote.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn of_json(json: &str) -> Self {
        match serde_json::from_str(json).unwrap_or(serde_json::Value::Null) {
            serde_json::Value::String(text) => Self::Text(text),
            other => Self::Json(other),
        }
    }

    /// The value as a type of the user's, or of the manifest's shape. A text is the value itself where it can be,
    /// and JSON else: the dashboard gives every variable as a text.
    ///
    /// # Errors
    /// The end of a sentence that says what is wrong with an object. Of a text, it would quote it.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, String> {
        match self {
            Self::Text(text) => serde_json::from_value(serde_json::Value::from(text.as_str()))
                .or_else(|_| serde_json::from_str(&text))
                .map_err(|_| String::new()),
            Self::Json(value) => {
                serde_json::from_value(value).map_err(|error| format!(": {error}"))
            }
        }
    }
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
    fn a_text_is_whatever_the_type_makes_of_it() {
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
        assert!(
            RawVar::Json(serde_json::json!(1.5))
                .read::<i64>()
                .is_err_and(|reason| reason.contains("expected i64"))
        );
        assert_eq!(
            RawVar::Json(serde_json::json!(null)).read::<Option<i64>>(),
            Ok(None)
        );
    }
}
