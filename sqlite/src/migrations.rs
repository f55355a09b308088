//! Migrations as `wrangler d1 migrations apply` applies them: its order, its ledger, and each file
//! one transaction together with its line in the ledger.
//!
//! <https://developers.cloudflare.com/d1/reference/migrations/>

use std::cmp::Ordering;
use std::ops::Range;

use crate::{Database, token};

/// The ledger's name where the manifest does not set `migrations_table`.
pub const DEFAULT_TABLE: &str = "d1_migrations";

/// One migration file: its name relative to the migrations folder, and its text.
#[derive(Debug, Clone, Copy)]
pub struct Migration<'a> {
    /// The path below the migrations folder, with `/`.
    pub name: &'a str,
    /// The SQL.
    pub sql: &'a str,
}

/// Why a migration was refused. Nothing of its file was kept.
#[derive(Debug)]
pub struct Failure {
    /// SQLite's words.
    pub message: String,
    /// The bytes of the file that it is about.
    pub span: Range<usize>,
}

/// Wrangler's order: folder by folder, by the number before the first `_`, names without one last.
#[must_use]
pub fn order(left: &str, right: &str) -> Ordering {
    let mut left_parts = left.split('/');
    let mut right_parts = right.split('/');
    loop {
        let (left_part, right_part) = match (left_parts.next(), right_parts.next()) {
            (Some(left_part), Some(right_part)) => (left_part, right_part),
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
        };
        let by_number = match (leading_number(left_part), leading_number(right_part)) {
            (Some(left_number), Some(right_number)) => left_number.cmp(&right_number),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        let ordering = by_number.then_with(|| left_part.cmp(right_part));
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
}

/// What JavaScript's `parseInt` reads from the text before the first underscore.
fn leading_number(segment: &str) -> Option<u128> {
    let head = segment.split('_').next()?.trim_start();
    let digits = &head[..head.bytes().take_while(u8::is_ascii_digit).count()];
    // More digits than fit are larger than all that do.
    if digits.is_empty() {
        None
    } else {
        Some(digits.parse().unwrap_or(u128::MAX))
    }
}

/// Creates the ledger when absent and gives the names in it.
///
/// # Errors
/// When SQLite cannot read or write the database.
pub fn applied(database: &Database, table: &str) -> rusqlite::Result<Vec<String>> {
    let table = table.replace('"', "\"\"");
    database.trusted(|connection| {
        connection.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS \"{table}\"(\n\t\tid         INTEGER PRIMARY KEY AUTOINCREMENT,\n\t\tname       TEXT UNIQUE,\n\t\tapplied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL\n);"
        ))?;
        let mut statement = connection.prepare(&format!("SELECT name FROM \"{table}\" ORDER BY id"))?;
        statement.query_map([], |row| row.get(0))?.collect()
    })
}

/// Applies one migration and notes it in the ledger, as one transaction.
///
/// # Errors
/// The first statement that fails, and why. The file was undone as a whole.
pub fn apply(database: &Database, table: &str, migration: Migration<'_>) -> Result<(), Failure> {
    apply_with(database, table, migration, |connection, range| {
        execute(connection, migration.sql, range)
    })
}

/// Applies one migration, each of its statements by `run`.
pub(crate) fn apply_with(
    database: &Database,
    table: &str,
    migration: Migration<'_>,
    mut run: impl FnMut(&rusqlite::Connection, &Range<usize>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    struct Problem(Failure);
    impl From<rusqlite::Error> for Problem {
        fn from(error: rusqlite::Error) -> Self {
            Self(Failure {
                message: message(&error),
                span: 0..0,
            })
        }
    }
    let ranges = body(migration.sql)?;
    database
        .transaction(|connection| {
            for range in &ranges {
                run(connection, range).map_err(Problem)?;
            }
            let ledger = format!(
                "INSERT INTO \"{}\" (name) VALUES (?1)",
                table.replace('"', "\"\"")
            );
            connection.execute(&ledger, [migration.name])?;
            Ok(())
        })
        .map_err(|Problem(failure)| failure)
}

/// Applies a schema that was there before the first migration, statement by statement, and gives every
/// failure.
///
/// What `sqlite3 .dump` and `wrangler d1 export` write around it (BEGIN, COMMIT, pragmas) is of a session, not of
/// the schema, and is passed over.
#[must_use]
pub fn baseline(database: &Database, sql: &str) -> Vec<Failure> {
    let of_session = |range: &Range<usize>| {
        let word = sql[range.clone()]
            .split(|end: char| !end.is_ascii_alphabetic())
            .next()
            .unwrap_or_default();
        ["begin", "commit", "end", "pragma"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
    };
    let statements = token::statements(sql)
        .into_iter()
        .filter(|range| !of_session(range));
    let connection = database.connection();
    statements
        .filter_map(|range| execute(connection, sql, &range).err())
        .collect()
}

/// The statements of a file. Wrangler strips one pair of `BEGIN TRANSACTION;` and `COMMIT;`.
fn body(sql: &str) -> Result<Vec<Range<usize>>, Failure> {
    let mut ranges = token::statements(sql);
    let begins = ranges
        .iter()
        .position(|range| &sql[range.clone()] == "BEGIN TRANSACTION");
    let commits = ranges
        .iter()
        .rposition(|range| &sql[range.clone()] == "COMMIT");
    match (begins, commits) {
        (Some(begin), Some(commit)) if begin < commit => {
            ranges.remove(commit);
            ranges.remove(begin);
        }
        (Some(index), _) | (_, Some(index)) => {
            let message = "a migration runs in one transaction of D1's own; BEGIN TRANSACTION and COMMIT come as a pair or not at all";
            return Err(Failure {
                message: message.to_owned(),
                span: ranges[index].clone(),
            });
        }
        (None, None) => {}
    }
    Ok(ranges)
}

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

/// The byte offset that SQLite gives for an error in a statement, when it gives one.
#[must_use]
pub fn offset(error: &rusqlite::Error) -> Option<usize> {
    match error {
        rusqlite::Error::SqlInputError { offset, .. } => usize::try_from(*offset).ok(),
        _ => None,
    }
}

/// SQLite's message, without what rusqlite adds to it.
#[must_use]
pub fn message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. }
        | rusqlite::Error::SqliteFailure(_, Some(msg)) => msg.clone(),
        other => other.to_string(),
    }
}

/// The bytes of the token at `offset`.
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
    fn a_failing_file_leaves_nothing_behind() {
        let database = Database::in_memory().expect("opens");
        assert!(
            applied(&database, DEFAULT_TABLE)
                .expect("ledger")
                .is_empty()
        );
        let sql = "CREATE TABLE a (x); INSERT INTO a VALUES (1); CREATE TABLE b (y z w,);";
        let failure = apply(
            &database,
            DEFAULT_TABLE,
            Migration {
                name: "0001.sql",
                sql,
            },
        )
        .expect_err("must fail");
        assert!(failure.message.contains("syntax error"), "{failure:?}");
        assert_eq!(&sql[failure.span], ")");
        assert!(
            applied(&database, DEFAULT_TABLE)
                .expect("ledger")
                .is_empty()
        );
        assert!(database.connection().prepare("SELECT * FROM a").is_err());
    }

    #[test]
    fn what_d1_denies_is_denied() {
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
