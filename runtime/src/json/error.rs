//! Errors of reading JSON.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

/// Why a JSON text is not the value of a type.
///
/// As text it can contain values, which can be private: [`describe`](Self::describe) returns a text
/// without them.
#[derive(Debug)]
pub(crate) struct ReadError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    problem: Problem,
    /// The line and the column, from 1, if they are known.
    place: Option<(usize, usize)>,
}

#[derive(Debug)]
enum Problem {
    /// The text is not JSON.
    Malformed,
    /// What the type requires.
    Mismatch(String),
    /// A message of the type that is read. It can contain values.
    Custom(String),
}

impl ReadError {
    fn new(problem: Problem) -> Self {
        Self(Box::new(Inner {
            problem,
            place: None,
        }))
    }

    /// The text is not JSON.
    pub(super) fn malformed() -> Self {
        Self::new(Problem::Malformed)
    }

    fn mismatch(problem: String) -> Self {
        Self::new(Problem::Mismatch(problem))
    }

    /// Adds the place where reading stopped: after a wrong value, or at a byte that is not JSON.
    pub(super) fn at(mut self, text: &str, position: usize) -> Self {
        let before = text.as_bytes().get(..position).unwrap_or(text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n');
        let column = before.len() - start.map_or(0, |start| start + 1);
        let is_malformed = matches!(self.0.problem, Problem::Malformed);
        self.0.place = Some((line, column + usize::from(is_malformed)));
        self
    }

    /// Describes the problem and its place.
    pub(crate) fn describe(&self) -> String {
        let (problem, place) = (self.problem(), Place(self.0.place));
        format!("{problem}{place}")
    }

    /// Describes the problem without its place.
    pub(crate) fn problem(&self) -> &str {
        match &self.0.problem {
            Problem::Malformed => "the JSON is malformed",
            Problem::Mismatch(text) => text,
            Problem::Custom(_) => "the JSON does not match its type",
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.0.problem {
            Problem::Custom(message) => message,
            _ => self.problem(),
        };
        write!(formatter, "{text}{}", Place(self.0.place))
    }
}

impl std::error::Error for ReadError {}

/// The end of a message.
struct Place(Option<(usize, usize)>);

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((line, column)) => write!(formatter, " at line {line} column {column}"),
            None => Ok(()),
        }
    }
}

/// The default messages of serde contain the values that were found.
impl de::Error for ReadError {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Problem::Custom(message.to_string()))
    }

    #[cold]
    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::mismatch(format!("invalid type, expected {expected}"))
    }

    #[cold]
    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::mismatch(format!("invalid value, expected {expected}"))
    }

    #[cold]
    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::mismatch(format!("invalid length, expected {expected}"))
    }

    #[cold]
    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::mismatch(format!("unknown variant{}", expected_names(expected)))
    }

    #[cold]
    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::mismatch(format!("unknown field{}", expected_names(expected)))
    }

    #[cold]
    fn missing_field(field: &'static str) -> Self {
        Self::mismatch(format!("missing field `{field}`"))
    }

    #[cold]
    fn duplicate_field(field: &'static str) -> Self {
        Self::mismatch(format!("duplicate field `{field}`"))
    }
}

fn expected_names(names: &[&str]) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!(", expected `{}`", names.join("` or `"))
}
