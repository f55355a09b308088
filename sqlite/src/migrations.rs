//! Applies migrations as `wrangler d1 migrations apply` does: in its order, with its migrations
//! table, and each file in one transaction together with its row in the migrations table.
//!
//! <https://developers.cloudflare.com/d1/reference/migrations/>

use std::cmp::Ordering;
use std::ops::Range;

use crate::{Database, history, token};

/// The name of the migrations table if the manifest does not set `migrations_table`.
pub const DEFAULT_TABLE: &str = "d1_migrations";

/// One migration file.
#[derive(Debug, Clone, Copy)]
pub struct Migration<'a> {
    /// The path relative to the migrations folder, separated by `/`.
    pub name: &'a str,
    /// The SQL.
    pub sql: &'a str,
}

/// An error in a migration, after which its whole file is rolled back.
#[derive(Debug)]
pub struct Failure {
    /// SQLite's message.
    pub message: String,
    /// The byte range of the error in the file.
    pub span: Range<usize>,
}

/// Compares two names in wrangler's order.
///
/// Wrangler compares folder by folder, by the number before the first `_`. Names without a number
/// come last.
#[must_use]
pub fn order(left: &str, right: &str) -> Ordering {
    let mut left_segments = left.split('/');
    let mut right_segments = right.split('/');

    loop {
        let ordering = match (left_segments.next(), right_segments.next()) {
            (Some(left), Some(right)) => order_segments(left, right),
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
}

fn order_segments(left: &str, right: &str) -> Ordering {
    let by_number = match (leading_number(left), leading_number(right)) {
        (Some(left_number), Some(right_number)) => left_number.cmp(&right_number),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    by_number.then_with(|| left.cmp(right))
}

/// Returns the number that JavaScript's `parseInt` reads before the first underscore.
fn leading_number(segment: &str) -> Option<u128> {
    let head = segment.split('_').next()?.trim_start();
    let digits = &head[..head.bytes().take_while(u8::is_ascii_digit).count()];
    if digits.is_empty() {
        return None;
    }
    // A number that does not fit is larger than any that does.
    Some(digits.parse().unwrap_or(u128::MAX))
}

/// Creates the migrations table if it does not exist and returns the names in it.
///
/// # Errors
/// When SQLite cannot read or write the database.
pub fn applied(database: &Database, migrations_table: &str) -> rusqlite::Result<Vec<String>> {
    let table = quote_name(migrations_table);
    // The exact text that wrangler writes.
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {table}(\n\
         \t\tid         INTEGER PRIMARY KEY AUTOINCREMENT,\n\
         \t\tname       TEXT UNIQUE,\n\
         \t\tapplied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL\n);"
    );

    database.trusted(|connection| {
        connection.execute_batch(&create)?;
        let mut statement = connection.prepare(&format!("SELECT name FROM {table} ORDER BY id"))?;
        statement.query_map([], |row| row.get(0))?.collect()
    })
}

/// Applies one migration and adds it to the migrations table in one transaction.
///
/// # Errors
/// Returns the first statement that fails. The whole file is then rolled back.
pub fn apply(
    database: &Database,
    migrations_table: &str,
    migration: Migration<'_>,
) -> Result<(), Failure> {
    let run = |connection: &_, range: &_| execute(connection, migration.sql, range);
    apply_with(database, migrations_table, migration, run, false)
}

/// The same as [`apply`], and records in the transaction which text was applied. The table of
/// [`history::applied`] exists.
///
/// # Errors
/// See [`apply`].
pub fn apply_and_record(
    database: &Database,
    migrations_table: &str,
    migration: Migration<'_>,
) -> Result<(), Failure> {
    let run = |connection: &_, range: &_| execute(connection, migration.sql, range);
    apply_with(database, migrations_table, migration, run, true)
}

/// Applies one migration and passes each of its statements to `run`.
pub(crate) fn apply_with(
    database: &Database,
    migrations_table: &str,
    migration: Migration<'_>,
    mut run: impl FnMut(&rusqlite::Connection, &Range<usize>) -> Result<(), Failure>,
    is_recorded: bool,
) -> Result<(), Failure> {
    let ranges = statements_to_run(migration.sql)?;
    let insert = format!(
        "INSERT INTO {} (name) VALUES (?1)",
        quote_name(migrations_table)
    );

    let applied: Result<(), Failure> = database
        .transaction(|connection| {
            for range in &ranges {
                run(connection, range).map_err(Rollback)?;
            }
            connection.execute(&insert, [migration.name])?;
            if is_recorded {
                let record =
                    |connection: &_| history::record(connection, migrations_table, migration);
                database.trusted(record)?;
            }
            Ok(())
        })
        .map_err(|Rollback(failure)| failure);
    // On D1, the settings of a connection end with the migration.
    if migration.sql.to_ascii_lowercase().contains("pragma") {
        database
            .reset_switches()
            .map_err(|error| Rollback::from(error).0)?;
    }
    applied
}

/// The error type of the transaction in [`apply_with`].
struct Rollback(Failure);

impl From<rusqlite::Error> for Rollback {
    fn from(error: rusqlite::Error) -> Self {
        Self(Failure {
            message: message(&error),
            span: 0..0,
        })
    }
}

/// Applies a schema that existed before the first migration and returns every failure.
///
/// The statements that `sqlite3 .dump` and `wrangler d1 export` write around a schema (BEGIN,
/// COMMIT and pragmas) belong to a session, not to the schema, and are skipped.
#[must_use]
pub fn baseline(database: &Database, sql: &str) -> Vec<Failure> {
    let connection = database.connection();
    let mut failures = Vec::new();
    for range in token::statements(sql) {
        if is_session_statement(&sql[range.clone()]) {
            continue;
        }
        failures.extend(execute(connection, sql, &range).err());
    }
    failures
}

/// Whether a statement of a dump belongs to its session and not to the schema.
#[must_use]
pub fn is_session_statement(statement: &str) -> bool {
    let first_word = statement
        .split(|end: char| !end.is_ascii_alphabetic())
        .next()
        .unwrap_or_default();
    ["begin", "commit", "end", "pragma"]
        .iter()
        .any(|known| first_word.eq_ignore_ascii_case(known))
}

/// Returns the statements of a file without the one pair of `BEGIN TRANSACTION;` and `COMMIT;` that
/// wrangler strips.
fn statements_to_run(sql: &str) -> Result<Vec<Range<usize>>, Failure> {
    let mut ranges = token::statements(sql);
    let begin = ranges
        .iter()
        .position(|range| &sql[range.clone()] == "BEGIN TRANSACTION");
    let commit = ranges
        .iter()
        .rposition(|range| &sql[range.clone()] == "COMMIT");

    match (begin, commit) {
        (Some(begin), Some(commit)) if begin < commit => {
            ranges.remove(commit);
            ranges.remove(begin);
        }
        (Some(index), _) | (_, Some(index)) => {
            let message = "D1 runs each migration in one transaction; \
                           BEGIN TRANSACTION and COMMIT must come as a pair";
            return Err(Failure {
                message: message.to_owned(),
                span: ranges[index].clone(),
            });
        }
        (None, None) => {}
    }
    Ok(ranges)
}

/// Runs the statement at `range` to its end.
pub(crate) fn execute(
    connection: &rusqlite::Connection,
    sql: &str,
    range: &Range<usize>,
) -> Result<(), Failure> {
    let run = || -> rusqlite::Result<()> {
        let mut statement = connection.prepare(&sql[range.clone()])?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        Ok(())
    };

    run().map_err(|error| {
        let span = match offset(&error) {
            Some(offset) if range.start + offset < range.end => word_at(sql, range.start + offset),
            _ => range.clone(),
        };
        Failure {
            message: message(&error),
            span,
        }
    })
}

/// Quotes the name of a table or column for use in a statement.
pub(crate) fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns the byte offset of an error in its statement, if SQLite reports one.
#[must_use]
pub fn offset(error: &rusqlite::Error) -> Option<usize> {
    match error {
        rusqlite::Error::SqlInputError { offset, .. } => usize::try_from(*offset).ok(),
        _ => None,
    }
}

/// Returns SQLite's message without the text that rusqlite adds to it.
#[must_use]
pub fn message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. }
        | rusqlite::Error::SqliteFailure(_, Some(msg)) => msg.clone(),
        other => other.to_string(),
    }
}

/// Returns the byte range of the token at `offset`.
#[must_use]
pub fn word_at(sql: &str, offset: usize) -> Range<usize> {
    token::tokenize(sql)
        .into_iter()
        .map(|token| token.span)
        .find(|span| span.contains(&offset))
        .unwrap_or(offset..offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_order_before_names_and_by_value() {
        let mut names = [
            "zz.sql",
            "10_c.sql",
            "0002_aa.sql",
            "2_b.sql",
            "0001_init.sql",
            "0011_fail.sql",
        ];

        names.sort_by(|left, right| order(left, right));
        assert_eq!(
            names,
            [
                "0001_init.sql",
                "0002_aa.sql",
                "2_b.sql",
                "10_c.sql",
                "0011_fail.sql",
                "zz.sql"
            ]
        );
    }

    #[test]
    fn a_failing_file_is_rolled_back() {
        let database = Database::in_memory().expect("opens");
        let names = applied(&database, DEFAULT_TABLE).expect("creates the migrations table");
        assert!(names.is_empty());

        let sql = "CREATE TABLE a (x); INSERT INTO a VALUES (1); CREATE TABLE b (y z w,);";
        let migration = Migration {
            name: "0001.sql",
            sql,
        };
        let failure = apply(&database, DEFAULT_TABLE, migration).expect_err("must fail");
        assert!(failure.message.contains("syntax error"), "{failure:?}");
        assert_eq!(&sql[failure.span], ")");

        let names = applied(&database, DEFAULT_TABLE).expect("reads the migrations table");
        assert!(names.is_empty());
        assert!(database.connection().prepare("SELECT * FROM a").is_err());
    }

    #[test]
    fn statements_that_d1_denies_are_denied() {
        let database = Database::in_memory().expect("opens");
        for sql in [
            "SELECT sqlite_version()",
            "PRAGMA user_version",
            "BEGIN",
            "CREATE TEMP TABLE t (x)",
            "ATTACH ':memory:' AS b",
        ] {
            assert!(database.connection().execute_batch(sql).is_err(), "{sql}");
        }

        for sql in [
            "SELECT pow(2, 3), sqrt(4), pi()",
            "PRAGMA table_list",
            "PRAGMA foreign_keys = off",
        ] {
            database
                .connection()
                .execute_batch(sql)
                .unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
}
