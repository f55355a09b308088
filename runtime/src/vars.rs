//! Variables and secrets.

use std::fmt;

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

/// A type that a variable can be read into.
pub trait FromVar: Sized {
    /// Reads JSON.
    fn from_json(value: serde_json::Value) -> Option<Self>;

    /// Reads a text, such as the dashboard gives for every variable.
    fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().and_then(Self::from_json)
    }

    /// What it is called in errors.
    const WHAT: &'static str;
}

impl FromVar for String {
    const WHAT: &'static str = "a string";

    fn from_json(value: serde_json::Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl FromVar for i64 {
    const WHAT: &'static str = "a whole number";

    fn from_json(value: serde_json::Value) -> Option<Self> {
        value.as_i64()
    }
}

impl FromVar for f64 {
    const WHAT: &'static str = "a number";

    fn from_json(value: serde_json::Value) -> Option<Self> {
        value.as_f64()
    }
}

impl FromVar for bool {
    const WHAT: &'static str = "true or false";

    fn from_json(value: serde_json::Value) -> Option<Self> {
        value.as_bool()
    }
}

impl FromVar for serde_json::Value {
    const WHAT: &'static str = "JSON";

    fn from_json(value: serde_json::Value) -> Option<Self> {
        Some(value)
    }
}

impl RawVar {
    pub(crate) fn read<T: FromVar>(self) -> Option<T> {
        match self {
            Self::Text(text) => T::from_text(&text),
            Self::Json(value) => T::from_json(value),
        }
    }
}
