//! Migrations replayed for their schema alone, in time that grows with their number.
//!
//! After every ALTER TABLE SQLite reads its whole schema anew, so hundreds of migrations over hundreds of
//! tables take time that grows with the square. Nearly all of them are ADD COLUMN, and RENAME TO at the end of
//! a table's making over: on a table without rows they are done here by a table of that new form. SQLite itself
//! says what the form is, in a database that holds this table alone; whatever is out of the ordinary goes the
//! ordinary way.

use std::collections::{HashMap, HashSet};

use crate::Database;
use crate::migrations::{Failure, Migration, apply_with, execute};
use crate::token::{self, Kind, Token};
use rusqlite::Connection;

/// A database that migrations make, and whose rows nobody asks for.
#[derive(Debug)]
pub struct Replay<'a> {
    database: &'a Database,
    scratch: Database,
    /// Where a table that was made anew stood among the others.
    places: HashMap<String, i64>,
    /// Tables that foreign keys refer to: their names stand in other tables.
    parents: HashSet<String>,
    proven: Proven,
}

/// An ALTER TABLE that can be done by making an empty table anew.
#[derive(Debug)]
struct Alteration {
    table: String,
    /// The table's new name.
    renamed: Option<String>,
}

impl<'a> Replay<'a> {
    /// Replays into `database`.
    ///
    /// # Errors
    /// When SQLite cannot open another database in memory.
    pub fn new(database: &'a Database) -> rusqlite::Result<Self> {
        let scratch = Database::in_memory()?;
        Ok(Self {
            database,
            scratch,
            places: HashMap::new(),
            parents: HashSet::new(),
            proven: Proven::default(),
        })
    }

    /// Applies one migration and notes it in the ledger, as one transaction.
    ///
    /// # Errors
    /// The first statement that fails, and why. The file was undone as a whole.
    pub fn apply(&mut self, table: &str, migration: Migration<'_>) -> Result<(), Failure> {
        let database = self.database;
        apply_with(database, table, migration, |connection, range| {
            let statement = &migration.sql[range.clone()];
            let alteration = alteration(statement);
            if alteration
                .as_ref()
                .is_some_and(|alteration| self.made_anew(alteration, statement))
            {
                return Ok(());
            }
            execute(connection, migration.sql, range)?;
            self.parents.extend(parents(statement));
            self.proven.hear(statement);
            Ok(())
        })
    }

    /// The place of each table that was made anew: by the number of its row in `sqlite_schema`.
    #[must_use]
    pub fn into_places(self) -> HashMap<String, i64> {
        self.places
    }

    /// Whether the table was made anew, in its altered form.
    fn made_anew(&mut self, alteration: &Alteration, statement: &str) -> bool {
        let Alteration { table, renamed } = alteration;
        if renamed.is_some() && self.parents.contains(table) {
            return false;
        }
        let (database, proven) = (self.database, &mut self.proven);
        let outcome = database.trusted(|connection| {
            if let Some(renamed) = renamed
                && !proven.allows(connection, table, renamed)?
            {
                return Ok(None);
            }
            connection.execute_batch("SAVEPOINT altered")?;
            let done = anew(connection, &self.scratch, alteration, statement);
            let end = if matches!(done, Ok(Some(_))) {
                "RELEASE altered"
            } else {
                "ROLLBACK TO altered; RELEASE altered"
            };
            connection.execute_batch(end)?;
            done
        });
        // What failed is tried the ordinary way, which says why.
        let Ok(Some(place)) = outcome else {
            return false;
        };
        let place = self.places.remove(table).unwrap_or(place);
        self.places
            .insert(renamed.as_ref().unwrap_or(table).clone(), place);
        self.parents.extend(parents(statement));
        if renamed.is_none() {
            self.proven.hear(statement);
        }
        true
    }
}

/// `ALTER TABLE name ADD ...` and `ALTER TABLE name RENAME TO name`.
fn alteration(statement: &str) -> Option<Alteration> {
    // Nearly every statement is another one, which one word tells.
    if !statement.get(..5)?.eq_ignore_ascii_case("alter") {
        return None;
    }
    let tokens: Vec<Token> = token::tokenize(statement)
        .into_iter()
        .filter(|token| token.kind != Kind::Comment)
        .collect();
    let is = |index: usize, word: &str| {
        tokens
            .get(index)
            .is_some_and(|token| token.is(statement, word))
    };
    let name = |index: usize| tokens.get(index).and_then(|token| name(statement, token));
    if !is(1, "table") {
        return None;
    }
    let renamed = match () {
        () if is(3, "add") => None,
        () if is(3, "rename") && is(4, "to") && tokens.len() == 6 => Some(name(5)?),
        () => return None,
    };
    Some(Alteration {
        table: name(2)?,
        renamed,
    })
}

/// The name that a token is, in lower case; `None` where it is none or has a quote in it.
fn name(text: &str, token: &Token) -> Option<String> {
    let slice = &text[token.span.clone()];
    let name = match token.kind {
        Kind::Word => slice,
        // SQLite takes a string for a name where nothing else can stand.
        Kind::Quoted | Kind::String => slice
            .get(1..slice.len() - 1)
            .filter(|name| !name.is_empty() && !name.contains(['"', '`', ']', '\'']))?,
        _ => return None,
    };
    Some(name.to_ascii_lowercase())
}

/// The tables that stand behind REFERENCES.
fn parents(statement: &str) -> Vec<String> {
    const WORD: &[u8] = b"references";
    let bytes = statement.as_bytes();
    let mut found = Vec::new();
    let mut position = 0;
    // Without optimisation this loop is quicker than reading tokens.
    while position + WORD.len() < bytes.len() {
        if matches!(bytes[position], b'r' | b'R')
            && bytes[position..position + WORD.len()].eq_ignore_ascii_case(WORD)
        {
            let rest = &statement[position + WORD.len()..];
            let end = rest.find(['(', ',']).unwrap_or(rest.len());
            found.extend(
                token::tokenize(&rest[..end])
                    .iter()
                    .filter_map(|token| name(rest, token)),
            );
        }
        position += 1;
    }
    found
}

/// Views and triggers of which it is known that nothing they name is missing.
///
/// SQLite refuses to rename any table as long as one of them is broken; only where none is, a table can be
/// renamed without asking it.
#[derive(Debug, Default)]
struct Proven {
    /// Their statements.
    statements: HashSet<String>,
    /// What was dropped or altered since: what names it is to be proven again.
    disturbed: HashSet<String>,
    /// What was done since is not understood.
    unsure: bool,
}

impl Proven {
    /// Takes note of a statement that was run.
    fn hear(&mut self, statement: &str) {
        let word = |length: usize, word: &str| {
            statement
                .get(..length)
                .is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        if word(4, "drop") || word(5, "alter") {
            // DROP TABLE IF EXISTS main.name; ALTER TABLE name ...
            let tokens = token::tokenize(statement);
            let words = tokens
                .iter()
                .filter(|token| token.kind != Kind::Comment)
                .skip(2);
            let names = words
                .filter_map(|token| name(statement, token))
                .filter(|name| !["if", "exists", "main"].contains(&name.as_str()));
            self.disturbed.extend(names.take(1));
        } else if !["create", "insert", "update", "delete", "pragma", "select"]
            .iter()
            .any(|known| word(6, known))
        {
            self.unsure = true;
        }
    }

    /// Whether a table can be renamed without asking SQLite: no view and no trigger is broken, or names it.
    fn allows(
        &mut self,
        connection: &Connection,
        table: &str,
        renamed: &str,
    ) -> rusqlite::Result<bool> {
        let mut listed = connection.prepare_cached(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type IN ('view', 'trigger')",
        )?;
        let rows = listed.query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        let rows: Vec<(String, String, String, String)> = rows.collect::<rusqlite::Result<_>>()?;
        let names = |sql: &str, wanted: &dyn Fn(&str) -> bool| {
            token::tokenize(sql)
                .iter()
                .filter_map(|token| name(sql, token))
                .any(|name| wanted(&name))
        };
        if self.unsure {
            // SQLite will look at all of them.
            *self = Self {
                statements: rows.into_iter().map(|(.., sql)| sql).collect(),
                ..Self::default()
            };
            return Ok(false);
        }
        // What names something disturbed is disturbed itself.
        while let Some((_, view, _, sql)) = rows.iter().find(|(.., sql)| {
            self.statements.contains(sql) && names(sql, &|name| self.disturbed.contains(name))
        }) {
            self.statements.remove(sql);
            self.disturbed.insert(view.to_ascii_lowercase());
        }
        self.disturbed.clear();
        for (kind, view, target, sql) in rows {
            if names(&sql, &|name| name == table || name == renamed) {
                return Ok(false);
            }
            if !self.statements.contains(&sql) {
                if !is_whole(
                    connection,
                    if kind == "view" { &view } else { &target },
                    kind == "trigger",
                )? {
                    return Ok(false);
                }
                self.statements.insert(sql);
            }
        }
        Ok(true)
    }
}

/// Whether SQLite can run a view, or the triggers of a table.
fn is_whole(connection: &Connection, table: &str, has_trigger: bool) -> rusqlite::Result<bool> {
    let table = quoted(table);
    if !has_trigger {
        return Ok(connection
            .prepare(&format!("SELECT 1 FROM {table}"))
            .is_ok());
    }
    let mut columns =
        connection.prepare_cached("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
    let columns = columns.query_map([&table[1..table.len() - 1]], |row| row.get::<_, String>(0))?;
    let columns = columns
        .map(|column| column.map(|column| quoted(&column)))
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let set: Vec<String> = columns
        .iter()
        .map(|column| format!("{column} = {column}"))
        .collect();
    let writes = [
        format!("INSERT INTO {table} DEFAULT VALUES"),
        format!("UPDATE {table} SET {}", set.join(", ")),
        format!("DELETE FROM {table}"),
    ];
    Ok(writes.iter().all(|write| connection.prepare(write).is_ok()))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Makes the table anew, in its altered form; gives the place where it stood. `None` when it is not an empty table.
fn anew(
    connection: &Connection,
    scratch: &Database,
    alteration: &Alteration,
    statement: &str,
) -> rusqlite::Result<Option<i64>> {
    let Alteration { table, renamed } = alteration;
    let old = quoted(table);
    // One look through the schema: it has a row for each of hundreds of tables and indexes.
    let mut listed = connection.prepare_cached(
        "SELECT rowid, type, sql, rootpage > 0 FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL ORDER BY rowid",
    )?;
    let rows = listed.query_map([table], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, bool>(3)?,
        ))
    })?;
    let (mut found, mut dependents) = (None, Vec::new());
    for row in rows {
        match row? {
            (place, kind, sql, true) if kind == "table" => found = Some((place, sql)),
            (_, kind, sql, _) if kind == "index" || (kind == "trigger" && renamed.is_none()) => {
                dependents.push(sql)
            }
            (_, kind, ..) if kind == "trigger" => return Ok(None),
            _ => {}
        }
    }
    let Some((place, sql)) = found else {
        return Ok(None);
    };
    let has_rows: bool =
        connection.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {old})"), [], |row| {
            row.get(0)
        })?;
    if has_rows
        || (sql.to_ascii_lowercase().contains("autoincrement") && has_counted(connection, table)?)
    {
        return Ok(None);
    }
    let new = renamed.as_ref().unwrap_or(table);
    // The name of its table stands in an index; a column does not.
    let (named, dependents) = if renamed.is_some() {
        (dependents, Vec::new())
    } else {
        (Vec::new(), dependents)
    };
    let make = || -> rusqlite::Result<Vec<String>> {
        scratch.trusted(|scratch| {
            scratch.execute_batch(&sql)?;
            named
                .iter()
                .try_for_each(|index| scratch.execute_batch(index))
        })?;
        // Under the rules: what D1 denies is denied here, too.
        scratch.connection().execute_batch(statement)?;
        let mut made = scratch
            .connection()
            .prepare("SELECT sql FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL ORDER BY rowid")?;
        made.query_map([new], |row| row.get(0))?.collect()
    };
    let altered = make();
    // Both names: the statement may have failed.
    let clear = format!(
        "DROP TABLE IF EXISTS {old}; DROP TABLE IF EXISTS {}",
        quoted(new)
    );
    scratch.trusted(|scratch| scratch.execute_batch(&clear))?;
    let altered = altered?;
    connection.execute_batch(&format!("DROP TABLE {old}"))?;
    for statement in altered.iter().chain(&dependents) {
        connection.execute_batch(statement)?;
    }
    Ok(Some(place))
}

/// Whether an AUTOINCREMENT of the table has given a number: dropping it would forget which.
fn has_counted(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let counts: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence')",
        )?
        .query_row([], |row| row.get(0))?;
    if !counts {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1 COLLATE NOCASE)",
        )?
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
            // A table made over, as tools that write migrations do it.
            "CREATE TABLE new_c (k INTEGER PRIMARY KEY AUTOINCREMENT, w TEXT NOT NULL UNIQUE, up REFERENCES c); CREATE INDEX c_w ON new_c (w, up);\
             INSERT INTO new_c (k, w) SELECT k, w FROM c; DROP TABLE c; ALTER TABLE \"new_c\" RENAME TO \"c\";",
            // Names that stand elsewhere: SQLite itself writes them anew.
            "CREATE TABLE d (x); CREATE VIEW of_d AS SELECT x FROM d; ALTER TABLE d RENAME TO e;",
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE q (p REFERENCES p); ALTER TABLE p RENAME TO r;",
            "CREATE TABLE s (x); CREATE TRIGGER of_s AFTER UPDATE OF x ON s BEGIN DELETE FROM b; END; ALTER TABLE s RENAME TO t;",
            "CREATE TABLE u (x); ALTER TABLE u RENAME TO w; ALTER TABLE w RENAME COLUMN x TO y; ALTER TABLE w ADD z; ALTER TABLE w RENAME TO u;",
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
            let mut statement = database
                .connection()
                .prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")
                .expect("reads");
            let rows: Vec<(String, String, Option<String>)> = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .expect("reads")
                .map(|row| row.expect("reads"))
                .collect();
            (rows, anew)
        };
        let ((ordinary, _), (replayed, anew)) = (make(false), make(true));
        assert_eq!(ordinary, replayed);
        assert_eq!(anew, 4, "a, b, c and u; what others name is not");
    }

    #[test]
    fn what_cannot_be_altered_is_refused_as_ever() {
        for statement in [
            "ALTER TABLE a ADD COLUMN id",
            "ALTER TABLE a ADD COLUMN k PRIMARY KEY",
            "ALTER TABLE nowhere ADD COLUMN k",
            "ALTER TABLE v ADD x",
            "ALTER TABLE nowhere RENAME TO b",
            "ALTER TABLE a RENAME TO v",
            "ALTER TABLE a RENAME TO sqlite_a",
            // A view or a trigger that is broken keeps every table from being renamed.
            "CREATE TABLE b (y); CREATE VIEW of_b AS SELECT y FROM b; DROP TABLE b; ALTER TABLE a RENAME TO c",
            "CREATE TABLE b (y); CREATE VIEW of_b AS SELECT y FROM 'b'; CREATE VIEW w AS SELECT * FROM of_b; DROP TABLE b; ALTER TABLE a RENAME TO c",
            "CREATE VIEW broken AS SELECT nothing FROM a; ALTER TABLE a RENAME TO c",
            "CREATE TABLE b (y); CREATE TRIGGER t AFTER UPDATE OF y ON b BEGIN INSERT INTO nowhere VALUES (1); END; ALTER TABLE a RENAME TO c",
            "CREATE TABLE k (y); CREATE TABLE l (z); CREATE VIEW kl AS SELECT y FROM k, l; ALTER TABLE l ADD y; ALTER TABLE a RENAME TO c",
        ] {
            let database = Database::in_memory().expect("opens");
            migrations::applied(&database, DEFAULT_TABLE).expect("ledger");
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
                .expect_err("refused");
            let ordinary =
                migrations::apply(&database, DEFAULT_TABLE, migration).expect_err("refused");
            assert_eq!(
                (replayed.message, replayed.span),
                (ordinary.message, ordinary.span),
                "{statement}"
            );
        }
    }
}
