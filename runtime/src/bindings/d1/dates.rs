//! Dates and times of the `jiff` crate as columns and parameters, in SQLite's own text forms.
//!
//! Name the type in a query, `AS "created_at: jiff::Timestamp"`, or for every query in `Cargo.toml`:
//! `types = { DATETIME = "jiff::Timestamp" }` in `[package.metadata.bindery.DB]`.
//!
//! What is written compares as text with what SQLite's own functions give: `2026-01-31 23:59:59`, in UTC, with
//! a fraction only where there is one.
//!
//! <https://www.sqlite.org/lang_datefunc.html>

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::{Cell, FromColumn, Parameter};

/// From text in UTC, with or without an offset, or from whole seconds since 1970.
impl FromColumn for Timestamp {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        match &cell {
            Cell::Integer(seconds) => {
                Self::from_second(*seconds).map_err(|error| error.to_string())
            }
            Cell::Real(seconds) if seconds.fract() == 0.0 => {
                Self::from_second(i64::from_column(cell)?).map_err(|error| error.to_string())
            }
            Cell::Text(text) => {
                if let Ok(timestamp) = text.parse() {
                    return Ok(timestamp);
                }
                let utc = parsed::<DateTime>(text, "a date and time")?.to_zoned(TimeZone::UTC);
                utc.map(|zoned| zoned.timestamp())
                    .map_err(|error| error.to_string())
            }
            other => Err(format!("expected a date and time, found {}", other.what())),
        }
    }
}

impl From<Timestamp> for Parameter<'_> {
    fn from(value: Timestamp) -> Self {
        Self::from(TimeZone::UTC.to_datetime(value))
    }
}

impl From<DateTime> for Parameter<'_> {
    fn from(value: DateTime) -> Self {
        text(value.strftime("%Y-%m-%d %H:%M:%S%.f"))
    }
}

impl From<Date> for Parameter<'_> {
    fn from(value: Date) -> Self {
        text(value)
    }
}

impl From<Time> for Parameter<'_> {
    fn from(value: Time) -> Self {
        text(value)
    }
}

fn text(value: impl Display) -> Parameter<'static> {
    Parameter::Text(Cow::Owned(value.to_string()))
}

fn parsed<T: FromStr>(text: &str, what: &str) -> Result<T, String>
where
    T::Err: Display,
{
    text.parse()
        .map_err(|error| format!("expected {what}, found `{text}`: {error}"))
}

macro_rules! from_text {
    ($($ty:ty: $what:literal),*) => {$(
        impl FromColumn for $ty {
            fn from_column(cell: Cell<'_>) -> Result<Self, String> {
                match &cell {
                    Cell::Text(text) => parsed(text, $what),
                    other => Err(format!("expected {}, found {}", $what, other.what())),
                }
            }
        }
    )*};
}
from_text!(DateTime: "a date and time", Date: "a date", Time: "a time");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_is_sqlites_own_form() {
        let timestamp: Timestamp = "2026-01-31T23:59:59Z".parse().expect("parses");
        let Parameter::Text(text) = Parameter::from(timestamp) else {
            panic!("text")
        };
        assert_eq!(text, "2026-01-31 23:59:59");
        for seen in [
            Cell::Text(text),
            Cell::Text("2026-02-01 00:59:59+01:00".into()),
            Cell::Integer(timestamp.as_second()),
        ] {
            assert_eq!(Timestamp::from_column(seen), Ok(timestamp));
        }
        let Parameter::Text(text) = Parameter::from(jiff::civil::date(2026, 1, 31)) else {
            panic!("text")
        };
        assert_eq!(
            Date::from_column(Cell::Text(text)),
            Ok(jiff::civil::date(2026, 1, 31))
        );
        assert!(Date::from_column(Cell::Text("31.1.2026".into())).is_err());
        assert!(Time::from_column(Cell::Null).is_err());
    }
}
