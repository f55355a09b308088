//! One run of a query, with the check of each value.

use std::borrow::Cow;

use bindery_codegen::sql::Query;
use bindery_codegen::sql::template::Choice;
use bindery_sqlite::rusqlite::ffi::SQLITE_CONSTRAINT_DATATYPE;
use bindery_sqlite::rusqlite::types::{Value, ValueRef};
use bindery_sqlite::rusqlite::{self, Connection, Row, params_from_iter};
use bindery_sqlite::template::assemble;

use super::{Subject, Tally, most_rows};
use crate::random_database::{Contents, contradiction};

/// The rows that a run reads at most. It ends recursive queries that would never finish.
pub(super) const MOST_ROWS: usize = 500;

/// Runs the SQL that the analysis wrote, and checks every value. Returns the rows, unless the
/// statement fails.
pub(super) fn observe(
    connection: &Connection,
    subject: &Subject<'_>,
    bound: Vec<Value>,
    contents: Contents,
    tally: &mut Tally,
) -> Option<Vec<Vec<Value>>> {
    let Subject { name, query, .. } = subject;
    let (sql, bound) = statement(query, bound);
    let mut statement = match connection.prepare_cached(&sql) {
        Ok(statement) => statement,
        Err(error) => {
            let contradiction = format!("{name}: it does not prepare: {error}");
            tally.contradictions.push(contradiction);
            return None;
        }
    };

    let mut rows = statement.query(params_from_iter(bound)).ok()?;
    let mut read = Vec::new();
    let ended = loop {
        match rows.next() {
            Ok(Some(row)) if read.len() < MOST_ROWS => {
                read.push(check(row, subject, contents, tally));
            }
            Ok(_) => break true,
            // An overflow or malformed JSON: the caller would get the error, too.
            Err(error) => {
                if let Some(message) = rejected_type(&error, subject.text)
                    && contents == Contents::Declared
                {
                    let contradiction = format!("{name} fails: {message}");
                    tally.contradictions.push(contradiction);
                }
                break false;
            }
        }
    };

    tally.rows += read.len() as u64;
    if read.len() > most_rows(query) {
        let contradiction = format!("{name} returns {} rows", read.len());
        tally.contradictions.push(contradiction);
    }
    ended.then_some(read)
}

/// The message of SQLite where a STRICT table rejects the type of a value that a statement writes.
fn rejected_type<'e>(error: &'e rusqlite::Error, text: &str) -> Option<&'e str> {
    let rusqlite::Error::SqliteFailure(failure, Some(message)) = error else {
        return None;
    };
    // An integer that does not fit in 64 bits becomes a REAL, which is a documented error.
    let operators = [" + ", " - ", " * ", " / ", "(-"];
    let may_outgrow = operators.iter().any(|operator| text.contains(operator))
        && message.contains("REAL value in INT");

    let is_rejected = failure.extended_code == SQLITE_CONSTRAINT_DATATYPE && !may_outgrow;
    is_rejected.then_some(message)
}

/// The SQL that runs for some arguments, and those of them that it binds.
fn statement(query: &Query, bound: Vec<Value>) -> (Cow<'_, str>, Vec<Value>) {
    let Some(template) = &query.template else {
        return (Cow::Borrowed(&query.sql), bound);
    };

    let choices = template.choices.iter().map(|choice| match choice {
        Choice::Filter(parameters) => {
            let mut parameters = parameters.iter();
            usize::from(parameters.all(|index| bound[*index] != Value::Null))
        }
        Choice::Sort(sort) => {
            let mut texts = sort.texts.iter();
            let chosen = &bound[sort.parameter];
            let index = texts.position(|text| *chosen == Value::Text(text.clone()));
            2 * index.unwrap_or(sort.texts.len())
        }
        Choice::Patch(_) => 1,
        Choice::After => 0,
    });
    let choices: Vec<usize> = choices.collect();
    let assembled = assemble(&template.pieces, &choices);
    // The limit of a page is not an argument.
    let every = Value::Integer(i64::from(u32::MAX));
    let value = |index: &usize| bound.get(*index).unwrap_or(&every).clone();
    let arguments = assembled.arguments.iter().map(value);
    (Cow::Owned(assembled.sql), arguments.collect())
}

/// Checks the values of a row, and returns them.
fn check(
    row: &Row<'_>,
    subject: &Subject<'_>,
    contents: Contents,
    tally: &mut Tally,
) -> Vec<Value> {
    let mut values = Vec::new();
    for (index, column) in subject.query.columns.iter().enumerate() {
        let value = value(row, index);
        tally.values += 1;
        if subject.overflows && value == Value::Null {
            values.push(value);
            continue;
        }
        if let Some(contradiction) = contradiction(column, &value, contents) {
            let contradiction = format!("{}.{} is {contradiction}", subject.name, column.name);
            tally.contradictions.push(contradiction);
        } else if value == Value::Null {
            tally.columns[subject.first + index].seen_null = true;
        }
        values.push(value);
    }

    for (index, column) in subject.query.columns.iter().enumerate() {
        let key = column.nest.as_ref().and_then(|nest| nest.key);
        let exists = key.is_some_and(|key| values[key] != Value::Null);
        if exists && !column.nullable && values[index] == Value::Null {
            let contradiction = format!("{}.{} is NULL in a struct", subject.name, column.name);
            tally.contradictions.push(contradiction);
        }
    }
    values
}

/// A value of a row. A BLOB that was cast is TEXT, even if it is not valid UTF-8.
pub(super) fn value(row: &Row<'_>, index: usize) -> Value {
    match row.get_ref(index) {
        Ok(ValueRef::Text(bytes)) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        Ok(ValueRef::Integer(value)) => Value::Integer(value),
        Ok(ValueRef::Real(value)) => Value::Real(value),
        Ok(ValueRef::Blob(bytes)) => Value::Blob(bytes.to_vec()),
        Ok(ValueRef::Null) | Err(_) => Value::Null,
    }
}
