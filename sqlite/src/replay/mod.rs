//! Replays migrations for their schema only, in time proportional to their number.
//!
//! SQLite reads its whole schema again after every ALTER TABLE, so hundreds of migrations over
//! hundreds of tables take quadratic time. Nearly all of these statements are ADD COLUMN, or the
//! RENAME TO that replaces a table with its new version. If the table is empty, this module drops
//! it and creates it again in its altered form. SQLite itself computes that form, in a scratch
//! database that contains only this table. All other cases fall back to SQLite's ALTER TABLE.

mod intact;
mod rebuild;

use std::collections::{HashMap, HashSet};

use crate::Database;
use crate::migrations::{Failure, Migration, apply_with, execute};
use crate::token::{self, Kind, Token};

use intact::IntactObjects;
use rebuild::rebuild_table;

/// A replay of migrations into a database whose rows are not needed.
#[derive(Debug)]
pub struct Replay<'a> {
    database: &'a Database,
    scratch: Database,
    /// The original position of each rebuilt table, by name.
    places: HashMap<String, i64>,
    /// Tables that foreign keys refer to. Other tables contain their names, so a rename is left to
    /// SQLite.
    parents: HashSet<String>,
    intact: IntactObjects,
}

/// An ALTER TABLE that can be replaced by rebuilding an empty table.
#[derive(Debug)]
struct Alteration {
    table: String,
    /// The new name of the table.
    renamed: Option<String>,
}

impl<'a> Replay<'a> {
    /// Starts a replay into `database`.
    ///
    /// # Errors
    /// When SQLite cannot open another database in memory.
    pub fn new(database: &'a Database) -> rusqlite::Result<Self> {
        let scratch = Database::in_memory()?;
        Ok(Self {
            database,
            scratch,
            places: HashMap::new(),
            parents: known_parents(database)?,
            intact: IntactObjects::default(),
        })
    }

    /// Applies one migration and adds it to the migrations table in one transaction.
    ///
    /// # Errors
    /// Returns the first statement that fails. The whole file is then rolled back.
    pub fn apply(
        &mut self,
        migrations_table: &str,
        migration: Migration<'_>,
    ) -> Result<(), Failure> {
        let database = self.database;
        apply_with(
            database,
            migrations_table,
            migration,
            |connection, range| {
                let statement = &migration.sql[range.clone()];
                if alteration(statement)
                    .is_some_and(|alteration| self.rebuild(&alteration, statement))
                {
                    return Ok(());
                }

                execute(connection, migration.sql, range)?;
                self.parents.extend(parents(statement));
                // SQLite writes the new name into the foreign keys.
                if let Some(Alteration { table, renamed }) = alteration(statement)
                    && self.parents.contains(&table)
                {
                    self.parents.extend(renamed);
                }
                self.intact.record(statement);
                Ok(())
            },
            false,
        )
    }

    /// Returns the original position of each rebuilt table, as a rowid of `sqlite_schema`.
    #[must_use]
    pub fn into_places(self) -> HashMap<String, i64> {
        self.places
    }

    /// Rebuilds the table in its altered form, and reports whether that was possible.
    fn rebuild(&mut self, alteration: &Alteration, statement: &str) -> bool {
        let Alteration { table, renamed } = alteration;
        if renamed.is_some() && self.parents.contains(table) {
            return false;
        }

        let (database, intact) = (self.database, &mut self.intact);
        let outcome = database.trusted(|connection| {
            if let Some(renamed) = renamed
                && !intact.allow_rename(connection, table, renamed)?
            {
                return Ok(None);
            }

            connection.execute_batch("SAVEPOINT altered")?;
            let rebuilt = rebuild_table(connection, &self.scratch, alteration, statement);
            let end = if matches!(rebuilt, Ok(Some(_))) {
                "RELEASE altered"
            } else {
                "ROLLBACK TO altered; RELEASE altered"
            };
            connection.execute_batch(end)?;
            rebuilt
        });

        // After a failure the caller runs the statement itself, which reports the error.
        let Ok(Some(place)) = outcome else {
            return false;
        };

        let place = self.places.remove(table).unwrap_or(place);
        self.places
            .insert(renamed.as_ref().unwrap_or(table).clone(), place);
        self.parents.extend(parents(statement));
        if renamed.is_none() {
            self.intact.record(statement);
        }
        true
    }
}

/// Parses `ALTER TABLE name ADD ...` and `ALTER TABLE name RENAME TO name`.
fn alteration(statement: &str) -> Option<Alteration> {
    // Nearly every statement is a different one, and comparing one word is cheap.
    if !statement.get(..5)?.eq_ignore_ascii_case("alter") {
        return None;
    }

    let tokens: Vec<Token> = token::tokenize(statement)
        .into_iter()
        .filter(|token| token.kind != Kind::Comment)
        .collect();
    let token = |index: usize| tokens.get(index);
    let is = |index: usize, word: &str| token(index).is_some_and(|token| token.is(statement, word));
    if !is(1, "table") {
        return None;
    }

    let renamed = if is(3, "add") {
        None
    } else if is(3, "rename") && is(4, "to") && tokens.len() == 6 {
        Some(name(statement, token(5)?)?)
    } else {
        return None;
    };
    Some(Alteration {
        table: name(statement, token(2)?)?,
        renamed,
    })
}

/// Returns the name that a token contains, in lower case.
///
/// Returns `None` if the token is not a name, or if the name contains a quote.
fn name(text: &str, token: &Token) -> Option<String> {
    let slice = &text[token.span.clone()];
    let name = match token.kind {
        Kind::Word => slice,
        // SQLite accepts a string as a name where only a name is possible.
        Kind::Quoted | Kind::String => slice
            .get(1..slice.len() - 1)
            .filter(|name| !name.is_empty() && !name.contains(['"', '`', ']', '\'']))?,
        Kind::Blob
        | Kind::Integer
        | Kind::Float
        | Kind::Parameter
        | Kind::Symbol
        | Kind::Comment
        | Kind::Illegal => return None,
    };
    Some(name.to_ascii_lowercase())
}

/// Returns the tables to which the foreign keys of a database refer.
fn known_parents(database: &Database) -> rusqlite::Result<HashSet<String>> {
    database.trusted(|connection| {
        let mut statement = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL")?;
        let tables = statement.query_map([], |row| row.get::<_, String>(0))?;
        let mut found = HashSet::new();
        for table in tables {
            found.extend(parents(&table?));
        }
        Ok(found)
    })
}

/// Returns the tables that follow REFERENCES in a statement.
fn parents(statement: &str) -> Vec<String> {
    const WORD: &[u8] = b"references";
    let bytes = statement.as_bytes();
    let mut found = Vec::new();
    let mut position = 0;

    // Without optimization this loop is faster than tokenizing the statement.
    while position + WORD.len() < bytes.len() {
        if matches!(bytes[position], b'r' | b'R')
            && bytes[position..position + WORD.len()].eq_ignore_ascii_case(WORD)
        {
            let rest = &statement[position + WORD.len()..];
            let end = rest.find(['(', ',']).unwrap_or(rest.len());
            let tokens = token::tokenize(&rest[..end]);
            found.extend(tokens.iter().filter_map(|token| name(rest, token)));
        }
        position += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::{self, DEFAULT_TABLE};

    #[test]
    fn a_replay_creates_the_schema_that_the_migrations_create() {
        let files = [
            "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER NOT NULL); CREATE INDEX a_n ON a (n); CREATE TABLE b (x REFERENCES a);",
            "ALTER TABLE a ADD COLUMN s TEXT NOT NULL DEFAULT 'x'; ALTER TABLE \"b\" ADD y AS (x + 1); CREATE VIEW v AS SELECT s FROM a;",
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO b (x) VALUES (new.id); END; INSERT INTO a (n) VALUES (1);",
            "ALTER TABLE a ADD COLUMN late TEXT; ALTER TABLE b ADD COLUMN z CHECK (z > 0); CREATE TABLE c (k INTEGER PRIMARY KEY AUTOINCREMENT);",
            "ALTER TABLE c /* why */ ADD COLUMN w -- last\n",
            // A table that is replaced, as tools that write migrations do it.
            "CREATE TABLE new_c (k INTEGER PRIMARY KEY AUTOINCREMENT, w TEXT NOT NULL UNIQUE, up REFERENCES c); CREATE INDEX c_w ON new_c (w, up);\
             INSERT INTO new_c (k, w) SELECT k, w FROM c; DROP TABLE c; ALTER TABLE \"new_c\" RENAME TO \"c\";",
            // Names that other objects contain: SQLite itself must rewrite them.
            "CREATE TABLE d (x); CREATE VIEW of_d AS SELECT x FROM d; ALTER TABLE d RENAME TO e;",
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE q (p REFERENCES p); ALTER TABLE p RENAME TO r;",
            "CREATE TABLE p1 (id INTEGER PRIMARY KEY); CREATE TABLE q1 (p REFERENCES p1); ALTER TABLE p1 RENAME TO p2; ALTER TABLE p2 RENAME TO p3; ALTER TABLE p3 RENAME TO p1;",
            "CREATE TABLE s (x); CREATE TRIGGER of_s AFTER UPDATE OF x ON s BEGIN DELETE FROM b; END; ALTER TABLE s RENAME TO t;",
            "CREATE TABLE u (x); ALTER TABLE u RENAME TO w; ALTER TABLE w RENAME COLUMN x TO y; ALTER TABLE w ADD z; ALTER TABLE w RENAME TO u;",
        ];
        let schema = |replayed: bool| {
            let database = Database::in_memory().expect("opens");
            migrations::applied(&database, DEFAULT_TABLE).expect("creates the migrations table");
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
            let rebuilt = replay.into_places().len();

            let mut statement = database
                .connection()
                .prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")
                .expect("reads");
            let rows: Vec<(String, String, Option<String>)> = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .expect("reads")
                .map(|row| row.expect("reads"))
                .collect();
            (rows, rebuilt)
        };

        let ((ordinary, _), (replayed, rebuilt)) = (schema(false), schema(true));
        assert_eq!(ordinary, replayed);
        assert_eq!(
            rebuilt, 4,
            "a, b, c and u, but no table that another object names"
        );
    }

    #[test]
    fn foreign_keys_that_exist_before_the_replay_follow_a_rename() {
        let database = Database::in_memory().expect("opens");
        migrations::applied(&database, DEFAULT_TABLE).expect("creates the migrations table");
        let tables = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE q (p REFERENCES p)";
        database
            .connection()
            .execute_batch(tables)
            .expect("creates");

        let migration = Migration {
            name: "1.sql",
            sql: "ALTER TABLE p RENAME TO r",
        };
        let mut replay = Replay::new(&database).expect("opens");
        replay.apply(DEFAULT_TABLE, migration).expect("applies");
        let insert = database.connection().prepare("INSERT INTO q VALUES (1)");
        assert!(insert.is_ok(), "{insert:?}");
    }

    #[test]
    fn invalid_alterations_fail_with_the_error_of_sqlite() {
        for statement in [
            "ALTER TABLE a ADD COLUMN id",
            "ALTER TABLE a ADD COLUMN k PRIMARY KEY",
            "ALTER TABLE nowhere ADD COLUMN k",
            "ALTER TABLE v ADD x",
            "ALTER TABLE nowhere RENAME TO b",
            "ALTER TABLE a RENAME TO v",
            "ALTER TABLE a RENAME TO sqlite_a",
            // A broken view or trigger prevents every rename.
            "CREATE TABLE b (y); CREATE VIEW of_b AS SELECT y FROM b; DROP TABLE b; ALTER TABLE a RENAME TO c",
            "CREATE TABLE b (y); CREATE VIEW of_b AS SELECT y FROM 'b'; CREATE VIEW w AS SELECT * FROM of_b; DROP TABLE b; ALTER TABLE a RENAME TO c",
            "CREATE VIEW broken AS SELECT nothing FROM a; ALTER TABLE a RENAME TO c",
            "CREATE TABLE b (y); CREATE TRIGGER t AFTER UPDATE OF y ON b BEGIN INSERT INTO nowhere VALUES (1); END; ALTER TABLE a RENAME TO c",
            "CREATE TABLE k (y); CREATE TABLE l (z); CREATE VIEW kl AS SELECT y FROM k, l; ALTER TABLE l ADD y; ALTER TABLE a RENAME TO c",
        ] {
            let database = Database::in_memory().expect("opens");
            migrations::applied(&database, DEFAULT_TABLE).expect("creates the migrations table");
            database
                .connection()
                .execute_batch("CREATE TABLE a (id); CREATE VIEW v AS SELECT 1 AS one")
                .expect("creates");

            let migration = Migration {
                name: "1.sql",
                sql: statement,
            };
            let replayed = Replay::new(&database)
                .expect("opens")
                .apply(DEFAULT_TABLE, migration)
                .expect_err("must fail");
            let ordinary =
                migrations::apply(&database, DEFAULT_TABLE, migration).expect_err("must fail");
            assert_eq!(
                (replayed.message, replayed.span),
                (ordinary.message, ordinary.span),
                "{statement}"
            );
        }
    }
}
