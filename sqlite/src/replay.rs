//! Migrations replayed for their schema alone, in time that grows with their number.
//!
//! After every ALTER TABLE SQLite reads its whole schema anew, so hundreds of migrations over hundreds of
//! tables take time that grows with the square. ADD COLUMN is nearly all of them: on a table without rows it
//! is done here by a table of that new form. SQLite itself says what the form is, in a database that holds
//! this table alone; whatever is out of the ordinary goes the ordinary way.

use std::collections::HashMap;
use std::ops::Range;

use crate::Database;
use crate::migrations::{Failure, Migration, apply_with, execute};
use crate::token::{self, Kind};
use rusqlite::Connection;

/// A database that migrations make, and whose rows nobody asks for.
#[derive(Debug)]
pub struct Replay<'a> {
    database: &'a Database,
    scratch: Database,
    /// Where a table that was made anew stood among the others.
    places: HashMap<String, i64>,
}

impl<'a> Replay<'a> {
    /// Replays into `database`.
    ///
    /// # Errors
    /// When SQLite cannot open another database in memory.
    pub fn new(database: &'a Database) -> rusqlite::Result<Self> {
        Ok(Self { database, scratch: Database::in_memory()?, places: HashMap::new() })
    }

    /// Applies one migration and notes it in the ledger, as one transaction.
    ///
    /// # Errors
    /// The first statement that fails, and why. The file was undone as a whole.
    pub fn apply(&mut self, table: &str, migration: Migration<'_>) -> Result<(), Failure> {
        let database = self.database;
        apply_with(database, table, migration, |connection, range| {
            if self.added_column(&migration.sql[range.clone()]) { Ok(()) } else { execute(connection, migration.sql, range) }
        })
    }

    /// The place of each table that was made anew: by the number of its row in `sqlite_schema`.
    #[must_use]
    pub fn into_places(self) -> HashMap<String, i64> {
        self.places
    }

    /// Whether the statement was an ADD COLUMN that is done.
    fn added_column(&mut self, statement: &str) -> bool {
        let Some(table) = add_column(statement) else { return false };
        let database = self.database;
        let outcome = database.trusted(|connection| {
            connection.execute_batch("SAVEPOINT add_column")?;
            let done = anew(connection, &self.scratch, &table, statement);
            let end =
                if matches!(done, Ok(Some(_))) { "RELEASE add_column" } else { "ROLLBACK TO add_column; RELEASE add_column" };
            connection.execute_batch(end)?;
            done
        });
        // What failed is tried the ordinary way, which says why.
        let Ok(Some(place)) = outcome else { return false };
        self.places.entry(table.to_ascii_lowercase()).or_insert(place);
        true
    }
}

/// The table of `ALTER TABLE name ADD ...`.
fn add_column(statement: &str) -> Option<String> {
    // Nearly every statement is another one, which one word tells.
    if !statement.get(..5)?.eq_ignore_ascii_case("alter") {
        return None;
    }
    let tokens: Vec<(Kind, &str)> = token::tokenize(statement)
        .into_iter()
        .filter(|token| token.kind != Kind::Comment)
        .take(4)
        .map(|token| (token.kind, &statement[token.span]))
        .collect();
    let [(_, alter), (_, table), (kind, name), (_, add)] = tokens.as_slice() else { return None };
    let is = |word: &str, wanted: &str| word.eq_ignore_ascii_case(wanted);
    let plain = is(alter, "alter") && is(table, "table") && is(add, "add");
    match kind {
        Kind::Word if plain => Some((*name).to_owned()),
        Kind::Quoted if plain && name.len() > 2 => {
            let inner: Range<usize> = 1..name.len() - 1;
            Some(name[inner].to_owned()).filter(|name| !name.contains(['"', '`', ']']))
        }
        _ => None,
    }
}

/// Makes the table anew, with the column; gives the place where it stood. `None` when it is not an empty table.
fn anew(connection: &Connection, scratch: &Database, table: &str, statement: &str) -> rusqlite::Result<Option<i64>> {
    let quoted = table.replace('"', "\"\"");
    // One look through the schema: it has a row for each of hundreds of tables and indexes.
    let mut listed = connection.prepare_cached(
        "SELECT rowid, type, sql, rootpage > 0 FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL ORDER BY rowid",
    )?;
    let rows = listed.query_map([table], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, bool>(3)?))
    })?;
    let (mut found, mut dependents) = (None, Vec::new());
    for row in rows {
        match row? {
            (place, kind, sql, true) if kind == "table" => found = Some((place, sql)),
            (_, kind, sql, _) if kind == "index" || kind == "trigger" => dependents.push(sql),
            _ => {}
        }
    }
    let Some((place, sql)) = found else { return Ok(None) };
    let has_rows: bool = connection.query_row(&format!("SELECT EXISTS (SELECT 1 FROM \"{quoted}\")"), [], |row| row.get(0))?;
    if has_rows || (sql.to_ascii_lowercase().contains("autoincrement") && has_counted(connection, table)?) {
        return Ok(None);
    }
    let altered: String = scratch
        .trusted(|scratch| {
            scratch.execute_batch(&format!("DROP TABLE IF EXISTS \"{quoted}\"; {sql}"))?;
            Ok(())
        })
        .and_then(|()| {
            // Under the rules: what D1 denies is denied here, too.
            scratch.connection().execute_batch(statement)?;
            let sql = scratch.connection().query_row(
                "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
                [table],
                |row| row.get(0),
            );
            scratch.trusted(|scratch| scratch.execute_batch(&format!("DROP TABLE \"{quoted}\"")))?;
            sql
        })?;
    connection.execute_batch(&format!("DROP TABLE \"{quoted}\""))?;
    connection.execute_batch(&altered)?;
    for dependent in dependents {
        connection.execute_batch(&dependent)?;
    }
    Ok(Some(place))
}

/// Whether an AUTOINCREMENT of the table has given a number: dropping it would forget which.
fn has_counted(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let counts: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence')")?
        .query_row([], |row| row.get(0))?;
    if !counts {
        return Ok(false);
    }
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1 COLLATE NOCASE)")?
        .query_row([table], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::{self, DEFAULT_TABLE};

    /// What the ordinary way makes, this one makes.
    #[test]
    fn a_replay_leaves_the_schema_that_migrations_leave() {
        let files = [
            "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER NOT NULL); CREATE INDEX a_n ON a (n); CREATE TABLE b (x REFERENCES a);",
            "ALTER TABLE a ADD COLUMN s TEXT NOT NULL DEFAULT 'x'; ALTER TABLE \"b\" ADD y AS (x + 1); CREATE VIEW v AS SELECT s FROM a;",
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO b (x) VALUES (new.id); END; INSERT INTO a (n) VALUES (1);",
            "ALTER TABLE a ADD COLUMN late TEXT; ALTER TABLE b ADD COLUMN z CHECK (z > 0); CREATE TABLE c (k INTEGER PRIMARY KEY AUTOINCREMENT);",
            "ALTER TABLE c /* why */ ADD COLUMN w -- last\n",
        ];
        let make = |replayed: bool| {
            let database = Database::in_memory().expect("opens");
            migrations::applied(&database, DEFAULT_TABLE).expect("ledger");
            let mut replay = Replay::new(&database).expect("opens");
            for (index, sql) in files.iter().enumerate() {
                let name = format!("{index}.sql");
                let migration = Migration { name: &name, sql };
                if replayed {
                    replay.apply(DEFAULT_TABLE, migration)
                } else {
                    migrations::apply(&database, DEFAULT_TABLE, migration)
                }
                .expect("applies");
            }
            let anew = replay.into_places().len();
            let mut statement =
                database.connection().prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").expect("reads");
            let rows: Vec<(String, String, Option<String>)> = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .expect("reads")
                .map(|row| row.expect("reads"))
                .collect();
            (rows, anew)
        };
        let ((ordinary, _), (replayed, anew)) = (make(false), make(true));
        assert_eq!(ordinary, replayed);
        assert_eq!(anew, 3, "empty tables are made anew");
    }

    #[test]
    fn a_column_that_cannot_be_added_is_refused_as_ever() {
        for statement in [
            "ALTER TABLE a ADD COLUMN id",
            "ALTER TABLE a ADD COLUMN k PRIMARY KEY",
            "ALTER TABLE nowhere ADD COLUMN k",
            "ALTER TABLE v ADD x",
        ] {
            let database = Database::in_memory().expect("opens");
            migrations::applied(&database, DEFAULT_TABLE).expect("ledger");
            database.connection().execute_batch("CREATE TABLE a (id); CREATE VIEW v AS SELECT 1 AS one").expect("creates");
            let migration = Migration { name: "1.sql", sql: statement };
            let replayed = Replay::new(&database).expect("opens").apply(DEFAULT_TABLE, migration).expect_err("refused");
            let ordinary = migrations::apply(&database, DEFAULT_TABLE, migration).expect_err("refused");
            assert_eq!((replayed.message, replayed.span), (ordinary.message, ordinary.span), "{statement}");
        }
    }
}
