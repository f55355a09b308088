//! The expressions of cron triggers.
//!
//! <https://developers.cloudflare.com/workers/configuration/cron-triggers/#supported-cron-expressions>

use std::fmt;

use crate::report::{Code, Diagnostic, Errors};
use crate::source::Spanned;

/// The page with the syntax.
const PAGE: &str = "https://developers.cloudflare.com/workers/configuration/cron-triggers/";

/// When a trigger fires, in UTC. Bit `n` of a set is the value `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Minutes of an hour.
    pub minutes: u64,
    /// Hours of a day.
    pub hours: u32,
    /// Days of a month.
    pub days: Days,
    /// Months of a year, from 1.
    pub months: u16,
    /// Days of a week.
    pub weekdays: Weekdays,
}

/// The days of a month on which a trigger fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// `*`
    Any,
    /// A set of days.
    Set(u32),
    /// `L`, `L-3`: the last day, or one before it.
    Last {
        /// The days before the last one.
        before: u8,
    },
    /// `LW`, `L-3W`: the working day that is nearest to that day.
    NearestToLast {
        /// The days before the last one.
        before: u8,
    },
    /// `15W`: the working day that is nearest to a day.
    Nearest(u8),
}

/// The days of a week on which a trigger fires. Sunday is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weekdays {
    /// `*`
    Any,
    /// A set of days.
    Set(u8),
    /// `6L`: the last Friday of the month.
    Last(u8),
    /// `6#2`: the second Friday of the month.
    Nth(u8, u8),
}

/// What is wrong with an expression, and what can be written instead.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    message: String,
    help: String,
}

impl Problem {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.message, self.help)
    }
}

/// A field of an expression.
struct Field {
    /// What its values are, with an article.
    noun: &'static str,
    first: u8,
    last: u8,
    /// The names of the values, from the first.
    names: &'static [&'static str],
}

const MINUTES: Field = Field {
    noun: "a minute",
    first: 0,
    last: 59,
    names: &[],
};
const HOURS: Field = Field {
    noun: "an hour",
    first: 0,
    last: 23,
    names: &[],
};
const DAYS: Field = Field {
    noun: "a day of the month",
    first: 1,
    last: 31,
    names: &[],
};
const MONTHS: Field = Field {
    noun: "a month",
    first: 1,
    last: 12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
};
const WEEKDAYS: Field = Field {
    noun: "a day of the week",
    first: 1,
    last: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};

/// Reports the expressions of an environment that are not valid.
pub(super) fn check(errors: &mut Errors, crons: &[Spanned<String>]) {
    for cron in crons {
        if let Err(Problem { message, help }) = parse(&cron.value) {
            errors.push(
                Diagnostic::new(Code::Cron, message, cron.span)
                    .label("not a cron expression")
                    .help(help),
            );
        }
    }
}

/// Reads an expression of five fields.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Schedule, Problem> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let [minutes, hours, days, months, weekdays] = *fields else {
        let count = fields.len();
        let noun = if count == 1 { "field" } else { "fields" };
        return Err(Problem::new(
            format!("the expression has {count} {noun} instead of 5"),
            format!("write minute, hour, day of the month, month and day of the week; see {PAGE}"),
        ));
    };

    Ok(Schedule {
        minutes: MINUTES.set(minutes)?,
        hours: HOURS.set(hours)? as u32,
        days: self::days(days)?,
        months: MONTHS.set(months)? as u16,
        weekdays: self::weekdays(weekdays)?,
    })
}

fn days(text: &str) -> Result<Days, Problem> {
    if text == "*" {
        return Ok(Days::Any);
    }
    if let Some(rest) = text.strip_prefix('L') {
        let (rest, is_nearest) = match rest.strip_suffix('W') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let before = match rest.strip_prefix('-') {
            Some(number) => number
                .parse()
                .ok()
                .filter(|before| (1..=30).contains(before)),
            None => rest.is_empty().then_some(0),
        };

        let Some(before) = before else {
            return Err(Problem::new(
                format!("`{text}` is not a day of the month"),
                "the last day is `L`, the third day before it is `L-3`, and the nearest working \
                 day to it is `LW`",
            ));
        };

        return Ok(match is_nearest {
            true => Days::NearestToLast { before },
            false => Days::Last { before },
        });
    }
    if let Some(day) = text.strip_suffix('W') {
        return Ok(Days::Nearest(DAYS.value(day)?));
    }
    Ok(Days::Set(DAYS.set(text)? as u32))
}

fn weekdays(text: &str) -> Result<Weekdays, Problem> {
    if text == "*" {
        return Ok(Weekdays::Any);
    }
    if text == "L" {
        return Ok(Weekdays::Set(1 << 7));
    }

    if let Some(day) = text.strip_suffix('L') {
        return Ok(Weekdays::Last(WEEKDAYS.value(day)?));
    }
    if let Some((day, number)) = text.split_once('#') {
        let number = number
            .parse()
            .ok()
            .filter(|number| (1..=5).contains(number));
        let Some(number) = number else {
            return Err(Problem::new(
                format!("`{text}` is not a day of the week"),
                "the second Friday of a month is `6#2`, and there are at most five",
            ));
        };
        return Ok(Weekdays::Nth(WEEKDAYS.value(day)?, number));
    }
    Ok(Weekdays::Set(WEEKDAYS.set(text)? as u8))
}

impl Field {
    /// Reads values, ranges and steps that are separated by commas.
    fn set(&self, text: &str) -> Result<u64, Problem> {
        let mut set = 0;
        for item in text.split(',') {
            // The platform would read it as the first value.
            if item == "*" && text != "*" {
                return Err(Problem::new(
                    "`*` is in a list of values",
                    "write `*` alone",
                ));
            }

            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(self.step(step)?)),
                None => (item, None),
            };
            let (first, last) = match (range, range.split_once('-')) {
                ("*", _) => (self.first, self.last),
                (_, Some((first, last))) => (self.value(first)?, self.value(last)?),
                (value, None) => {
                    let value = self.value(value)?;
                    // `5/15` starts at 5.
                    (value, if step.is_some() { self.last } else { value })
                }
            };

            set |= self.range(first, last, step.unwrap_or(1));
        }
        Ok(set)
    }

    /// The values from `first` to `last`, over the end of the field if `last` is less.
    fn range(&self, first: u8, last: u8, step: u8) -> u64 {
        let length = self.last - self.first + 1;
        let end = if last < first { last + length } else { last };
        let values = (first..=end).step_by(step.into());
        values.fold(0, |set, value| {
            let value = if value > self.last {
                value - length
            } else {
                value
            };
            set | 1 << value
        })
    }

    fn value(&self, text: &str) -> Result<u8, Problem> {
        let is_name = |name: &&'static str| name.eq_ignore_ascii_case(text);
        if let Some(index) = self.names.iter().position(is_name) {
            return Ok(self.first + index as u8);
        }

        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text.parse().ok().filter(|_| digits);

        let value = value.filter(|value| (self.first..=self.last).contains(value));
        value.ok_or_else(|| {
            let Self {
                noun, first, last, ..
            } = self;
            let names = match self.names {
                [] => String::new(),
                [first, .., last] => format!(" or {first} to {last}"),
                [only] => format!(" or {only}"),
            };
            let mut help = format!("{noun} is {first} to {last}{names}");
            if text == "0" && *noun == WEEKDAYS.noun {
                help = format!("Cloudflare counts from Sunday, which is 1: {help}");
            }
            Problem::new(format!("`{text}` is not {noun}"), help)
        })
    }

    fn step(&self, text: &str) -> Result<u8, Problem> {
        let last = self.last - self.first;
        let step = text.parse().ok().filter(|step| (1..=last).contains(step));
        step.ok_or_else(|| {
            Problem::new(
                format!("`{text}` is not a step"),
                format!("the step of {} is 1 to {last}, as in `*/2`", self.noun),
            )
        })
    }
}
