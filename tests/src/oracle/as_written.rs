//! The rows of a statement as it is written: SQLite numbers its parameters, and each item of a list
//! is bound on its own.

use std::fmt::Write;

use bindery_codegen::sql::parameters::Resolved;
use bindery_sqlite::rusqlite::Connection;
use bindery_sqlite::rusqlite::types::Value;
use bindery_sqlite::token::{Kind, tokenize};

use super::Subject;
use super::run::{MOST_ROWS, value};
use crate::random_database::Argument;

/// Runs the statement as written. Returns `None` if it fails.
pub(super) fn rows(
    connection: &Connection,
    subject: &Subject<'_>,
    arguments: &[Argument],
) -> Option<Vec<Vec<Value>>> {
    let parameters = &subject.query.parameters;
    let sql = with_items(subject.text, parameters, arguments)?;
    let mut statement = connection.prepare(&sql).ok()?;
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index)?.to_owned();
        let value = argument(&name, arguments)?;
        statement.raw_bind_parameter(index, value).ok()?;
    }

    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut read = Vec::new();
    while let Some(row) = rows.next().ok()? {
        if read.len() == MOST_ROWS {
            break;
        }
        read.push((0..columns).map(|index| value(row, index)).collect());
    }
    Some(read)
}

/// The statement with one parameter for each item of a list.
fn with_items(text: &str, parameters: &[Resolved], arguments: &[Argument]) -> Option<String> {
    let mut sql = String::new();
    let mut position = 0;
    for token in tokenize(text) {
        if token.kind != Kind::Parameter {
            continue;
        }
        let name = &text[token.span.clone()];
        let number = number(name, parameters)?;
        sql.push_str(&text[position..token.span.start]);
        match arguments.get(number)? {
            // `:ids IS NULL` is false.
            Argument::List(_) if is_null_test(&text[token.span.end..]) => sql.push('0'),
            Argument::List(items) => {
                for item in 0..items.len() {
                    let comma = if item > 0 { ", " } else { "" };
                    let _ = write!(sql, "{comma}:item_{number}_{item}");
                }
            }
            Argument::One(_) => {
                let _ = write!(sql, ":one_{number}");
            }
        }
        position = token.span.end;
    }
    sql.push_str(&text[position..]);
    Some(sql)
}

fn is_null_test(after: &str) -> bool {
    let mut words = after.split_whitespace();
    match words.next() {
        Some("ISNULL") => true,
        Some("IS") => words.next().is_some_and(|word| word.starts_with("NULL")),
        _ => false,
    }
}

/// The index of the argument for a parameter: `?1` is the first argument.
fn number(name: &str, parameters: &[Resolved]) -> Option<usize> {
    match name.strip_prefix('?') {
        Some(digits) => digits.parse::<usize>().ok()?.checked_sub(1),
        None => parameters
            .iter()
            .position(|parameter| Some(parameter.name.as_str()) == name.get(1..)),
    }
}

/// The value of a parameter of the statement with items.
fn argument(name: &str, arguments: &[Argument]) -> Option<Value> {
    let argument = |number: &str| arguments.get(number.parse::<usize>().ok()?);
    if let Some(number) = name.strip_prefix(":one_") {
        return match argument(number)? {
            Argument::One(value) => Some(value.clone()),
            Argument::List(_) => None,
        };
    }

    let (number, index) = name.strip_prefix(":item_")?.split_once('_')?;
    match argument(number)? {
        Argument::List(items) => items.get(index.parse::<usize>().ok()?).cloned(),
        Argument::One(_) => None,
    }
}

/// How the rows of two runs differ, without regard to their order.
pub(super) fn difference(rows: &[Vec<Value>], expected: Option<&[Vec<Value>]>) -> Option<String> {
    let Some(expected) = expected else {
        return Some("the statement as written fails".to_owned());
    };
    let sorted = |rows: &[Vec<Value>]| {
        let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        rows
    };
    let (ours, theirs) = (sorted(rows), sorted(expected));
    let missing = theirs.iter().find(|row| !ours.contains(row));
    let added = ours.iter().find(|row| !theirs.contains(row));
    match (missing, added) {
        (Some(row), _) => Some(format!("the row {row} is missing")),
        (None, Some(row)) => Some(format!("the row {row} is added")),
        (None, None) if ours.len() != theirs.len() => Some("a row is repeated".to_owned()),
        (None, None) => None,
    }
}
