//! Dates and times of the `jiff` crate as columns and parameters, in the text formats of SQLite.
//!
//! Name the type in a query, `AS "created_at: jiff::Timestamp"`, or for every query in
//! `Cargo.toml`: `types = { DATETIME = "jiff::Timestamp" }` in `[package.metadata.bindery.DB]`.
//!
//! Parameters have the format of SQLite's own functions, so that both compare correctly as text:
//! `2026-01-31 23:59:59`, in UTC, with a fraction only if it is not zero.
//!
//! <https://www.sqlite.org/lang_datefunc.html>

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::{Cell, FromColumn, Parameter};

/// Decodes text, which is in UTC unless it has an offset, or whole seconds since the Unix epoch.
impl FromColumn for Timestamp {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        match &cell {
            Cell::Integer(seconds) => from_seconds(*seconds),
            Cell::Real(seconds) if seconds.fract() == 0.0 => from_seconds(i64::from_column(cell)?),
            Cell::Text(text) => match text.parse() {
                Ok(timestamp) => Ok(timestamp),
                Err(_) => in_utc(parse(text, "a date and time")?),
            },
            other => Err(format!(
                "expected a date and time, found {}",
                other.storage_class()
            )),
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

macro_rules! from_text {
    ($($ty:ty: $expected:literal),*) => {$(
        impl FromColumn for $ty {
            fn from_column(cell: Cell<'_>) -> Result<Self, String> {
                match &cell {
                    Cell::Text(text) => parse(text, $expected),
                    other => Err(format!(
                        concat!("expected ", $expected, ", found {}"),
                        other.storage_class()
                    )),
                }
            }
        }
    )*};
}
from_text!(DateTime: "a date and time", Date: "a date", Time: "a time");

const OUT_OF_RANGE: &str = "the time is out of range";

fn from_seconds(seconds: i64) -> Result<Timestamp, String> {
    Timestamp::from_second(seconds).map_err(|_| OUT_OF_RANGE.to_owned())
}

fn in_utc(datetime: DateTime) -> Result<Timestamp, String> {
    match datetime.to_zoned(TimeZone::UTC) {
        Ok(zoned) => Ok(zoned.timestamp()),
        Err(_) => Err(OUT_OF_RANGE.to_owned()),
    }
}

fn text(value: impl Display) -> Parameter<'static> {
    Parameter::Text(Cow::Owned(value.to_string()))
}

fn parse<T: FromStr>(text: &str, expected: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("expected {expected}, found other text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_in_sqlites_format_and_read_back() {
        let timestamp: Timestamp = "2026-01-31T23:59:59Z".parse().expect("parses");
        let Parameter::Text(text) = Parameter::from(timestamp) else {
            panic!("a timestamp is bound as text")
        };
        assert_eq!(text, "2026-01-31 23:59:59");

        let cells = [
            Cell::Text(text),
            Cell::Text("2026-02-01 00:59:59+01:00".into()),
            Cell::Integer(timestamp.as_second()),
        ];
        for cell in cells {
            assert_eq!(Timestamp::from_column(cell), Ok(timestamp));
        }
    }

    #[test]
    fn a_date_is_written_in_sqlites_format_and_read_back() {
        let date = jiff::civil::date(2026, 1, 31);
        let Parameter::Text(text) = Parameter::from(date) else {
            panic!("a date is bound as text")
        };
        assert_eq!(Date::from_column(Cell::Text(text)), Ok(date));
    }

    #[test]
    fn other_formats_and_null_are_errors() {
        assert!(Date::from_column(Cell::Text("31.1.2026".into())).is_err());
        assert!(Time::from_column(Cell::Null).is_err());
    }
}
