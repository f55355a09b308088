//! The history of a local database: which text of each migration was applied.
//!
//! wrangler's migrations table has only the names. The checksums are in a table of their own, whose
//! name D1 reserves: no statement of a user can read or write it. It is written in the transaction
//! of the migration. The text form is for readers that must not open the database.

use std::fmt::Write;

use rusqlite::Connection;

use crate::migrations::{Migration, quote_name};
use crate::{Database, token};

/// The table with the checksums.
const TABLE: &str = "_cf_bindery_migrations";

/// The version of the checksums. A text with another version is not compared.
const VERSION: &str = "1:";

/// Returns the checksum of a migration: of its tokens, without comments and white space.
#[must_use]
pub fn checksum(sql: &str) -> String {
    // FNV-1a.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);

    for token in token::tokenize(sql) {
        if token.kind != token::Kind::Comment {
            sql[token.span].bytes().for_each(&mut add);
            // A byte that no token contains, so that `ab` and `a b` differ.
            add(0xff);
        }
    }
    format!("{VERSION}{hash:016x}")
}

/// Whether a migration with this text differs from the one with a checksum.
#[must_use]
pub fn is_edited(recorded: &str, sql: &str) -> bool {
    recorded.starts_with(VERSION) && recorded != checksum(sql)
}

/// An applied migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The migrations table that lists it.
    pub migrations_table: String,
    /// Its name in the migrations table.
    pub name: String,
    /// The checksum of the text that was applied.
    pub checksum: String,
    /// The time in UTC, as the migrations table has it.
    pub applied_at: Option<String>,
}

/// Returns the applied migrations of all migrations tables, of which `migrations_table` exists.
///
/// The first call for a database of an older version stores the checksums of the current texts.
///
/// # Errors
/// When SQLite cannot read or write the database.
pub fn applied(
    database: &Database,
    migrations_table: &str,
    migrations: &[Migration<'_>],
) -> rusqlite::Result<Vec<Applied>> {
    database.transaction(|_| {
        database.trusted(|connection| {
            connection.execute_batch(&format!(
                "CREATE TABLE IF NOT EXISTS {TABLE} (
                    migrations_table TEXT NOT NULL,
                    name TEXT NOT NULL,
                    checksum TEXT NOT NULL,
                    PRIMARY KEY (migrations_table, name)
                ) STRICT, WITHOUT ROWID"
            ))?;
            adopt(connection, migrations_table, migrations)?;

            let mut all = Vec::new();
            for table in tables(connection)? {
                all.extend(read(connection, &table)?);
            }
            Ok(all)
        })
    })
}

/// Stores the checksums of the applied migrations that have none.
fn adopt(
    connection: &Connection,
    migrations_table: &str,
    migrations: &[Migration<'_>],
) -> rusqlite::Result<()> {
    let table = quote_name(migrations_table);
    let mut insert = connection.prepare(&format!(
        "INSERT OR IGNORE INTO {TABLE} (migrations_table, name, checksum)
         SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM {table} WHERE name = ?2)"
    ))?;
    for Migration { name, sql } in migrations {
        insert.execute([migrations_table, name, &checksum(sql)])?;
    }
    Ok(())
}

/// The migrations tables with checksums.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!(
        "SELECT DISTINCT migrations_table FROM {TABLE}
         WHERE migrations_table IN (SELECT name FROM sqlite_schema) ORDER BY migrations_table"
    ))?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn read(connection: &Connection, migrations_table: &str) -> rusqlite::Result<Vec<Applied>> {
    let table = quote_name(migrations_table);
    let mut statement = connection.prepare(&format!(
        "SELECT applied.name, checksum, CAST(applied_at AS TEXT)
         FROM {table} AS applied
         JOIN {TABLE} AS known ON known.migrations_table = ?1 AND known.name = applied.name
         ORDER BY applied.id"
    ))?;
    let rows = statement.query_map([migrations_table], |row| {
        Ok(Applied {
            migrations_table: migrations_table.to_owned(),
            name: row.get(0)?,
            checksum: row.get(1)?,
            applied_at: row.get(2)?,
        })
    })?;
    rows.collect()
}

/// Returns the text form: one line for each migration, with its parts separated by tabs.
#[must_use]
pub fn to_text(applied: &[Applied]) -> String {
    let mut text = String::new();
    for Applied {
        migrations_table,
        name,
        checksum,
        applied_at,
    } in applied
    {
        let applied_at = applied_at.as_deref().unwrap_or_default();
        let parts = [checksum, applied_at, migrations_table, name];
        // Such a migration is not compared.
        if parts.iter().all(|part| !part.contains(['\t', '\n', '\r'])) {
            let _ = writeln!(text, "{}", parts.join("\t"));
        }
    }
    text
}

/// Reads the text form. Other lines are skipped.
pub fn from_text(text: &str) -> impl Iterator<Item = Applied> {
    text.lines().filter_map(|line| {
        let mut parts = line.split('\t').map(str::to_owned);
        let [checksum, applied_at, migrations_table, name] =
            [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        Some(Applied {
            migrations_table,
            name,
            checksum,
            applied_at: Some(applied_at).filter(|time| !time.is_empty()),
        })
    })
}

/// Stores the checksum of a migration that is being applied.
pub(crate) fn record(
    connection: &Connection,
    migrations_table: &str,
    migration: Migration<'_>,
) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT OR REPLACE INTO {TABLE} (migrations_table, name, checksum) VALUES (?1, ?2, ?3)"
    );
    let checksum = checksum(migration.sql);
    let values = [migrations_table, migration.name, &checksum];
    connection.execute(&sql, values).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::{self, DEFAULT_TABLE};

    #[test]
    fn comments_and_white_space_do_not_change_a_checksum() {
        let sql = "CREATE TABLE a (x TEXT DEFAULT 'a b'); -- a\nINSERT INTO a VALUES ('--');";
        let checksum = checksum(sql);

        for same in [
            "\u{FEFF}CREATE TABLE a(x TEXT DEFAULT 'a b');\r\n\r\nINSERT INTO a VALUES('--');",
            "/* b */ CREATE  TABLE a (x TEXT\nDEFAULT 'a b'); INSERT INTO a VALUES ('--'); -- c",
        ] {
            assert!(!is_edited(&checksum, same), "{same}");
        }
        for other in [
            "CREATE TABLE a (x TEXT DEFAULT 'a  b'); INSERT INTO a VALUES ('--');",
            "CREATE TABLE a (x TEXT DEFAULT 'a b'); INSERT INTO a VALUES ('-- ');",
            "CREATE TABLE b (x TEXT DEFAULT 'a b'); INSERT INTO a VALUES ('--');",
            "CREATE TABLE a (x TEXT DEFAULT 'a b');",
            "CREATE TABLEa (x TEXT DEFAULT 'a b'); INSERT INTO a VALUES ('--');",
            "",
        ] {
            assert!(is_edited(&checksum, other), "{other}");
        }
        // Checksums are stored, so they must not change.
        assert_eq!(super::checksum("CREATE TABLE a (x);"), "1:f009feef263b22a9");
        assert!(!is_edited("2:0", sql), "another version is not compared");
    }

    #[test]
    fn a_checksum_is_stored_with_its_migration() {
        let database = Database::in_memory().expect("opens");
        let all = [
            Migration {
                name: "1.sql",
                sql: "CREATE TABLE a (x)",
            },
            Migration {
                name: "2.sql",
                sql: "CREATE TABLE a (y)",
            },
        ];
        migrations::applied(&database, DEFAULT_TABLE).expect("creates the migrations table");
        assert_eq!(applied(&database, DEFAULT_TABLE, &all), Ok(Vec::new()));

        migrations::apply_and_record(&database, DEFAULT_TABLE, all[0]).expect("applies");
        migrations::apply_and_record(&database, DEFAULT_TABLE, all[1]).expect_err("`a` exists");
        let known = applied(&database, DEFAULT_TABLE, &all).expect("reads");
        let names: Vec<&str> = known.iter().map(|applied| applied.name.as_str()).collect();
        assert_eq!(names, ["1.sql"], "the second one was rolled back");
        assert!(known[0].applied_at.is_some());
        assert!(!is_edited(&known[0].checksum, all[0].sql));

        // A migration of an older version is adopted.
        let third = Migration {
            name: "3.sql",
            sql: "CREATE TABLE c (x)",
        };
        migrations::apply(&database, DEFAULT_TABLE, third).expect("applies");
        assert_eq!(
            applied(&database, DEFAULT_TABLE, &all)
                .expect("reads")
                .len(),
            1
        );
        let known = applied(&database, DEFAULT_TABLE, &[third]).expect("adopts");
        assert!(!is_edited(&known[1].checksum, third.sql));

        let text = to_text(&known);
        assert_eq!(from_text(&text).collect::<Vec<_>>(), known);
        assert_eq!(from_text("not a line\n\n").count(), 0);
    }

    #[test]
    fn statements_of_users_cannot_see_the_table() {
        let database = Database::in_memory().expect("opens");
        migrations::applied(&database, DEFAULT_TABLE).expect("creates the migrations table");
        applied(&database, DEFAULT_TABLE, &[]).expect("creates the table");

        let connection = database.connection();
        for sql in [
            format!("SELECT * FROM {TABLE}"),
            format!("DELETE FROM {TABLE}"),
            format!("INSERT INTO {TABLE} VALUES ('a', 'b', 'c')"),
            format!("DROP TABLE {TABLE}"),
        ] {
            assert!(connection.execute_batch(&sql).is_err(), "{sql}");
        }
        for pragma in ["quick_check", "foreign_key_check", "optimize", "table_list"] {
            let sql = format!("PRAGMA {pragma}");
            let run = connection.prepare(&sql).and_then(|mut statement| {
                let mut rows = statement.raw_query();
                while rows.next()?.is_some() {}
                Ok(())
            });
            run.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
}
