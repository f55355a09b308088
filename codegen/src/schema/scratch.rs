//! An empty copy of the tables of a database, in which the analysis tries indexes.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use bindery_sqlite::{Database, rusqlite};

/// An empty copy, into which each table is copied when a statement needs it first.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    database: OnceCell<Option<Database>>,
    /// The tables that were copied, and whether that was possible.
    tables: RefCell<HashMap<String, bool>>,
}

impl Scratch {
    /// Returns the copy with these tables, their indexes and views. `source` is the database that
    /// has them.
    pub(crate) fn with_tables(&self, source: &Database, tables: &[String]) -> Option<&Database> {
        let database = self.database.get_or_init(|| empty().ok()).as_ref()?;
        let mut known = self.tables.borrow_mut();
        for table in tables {
            let is_copied = known
                .entry(table.clone())
                .or_insert_with(|| copy(source, database, table).is_ok());
            if !*is_copied {
                return None;
            }
        }
        Some(database)
    }
}

fn empty() -> rusqlite::Result<Database> {
    let database = Database::in_memory()?;
    // The tables that foreign keys refer to may not be copied.
    database.trusted(|connection| connection.pragma_update(None, "foreign_keys", false))?;
    Ok(database)
}

/// Copies a table or a view, with its indexes but without its triggers.
fn copy(source: &Database, database: &Database, table: &str) -> rusqlite::Result<()> {
    let statements = source.trusted(|connection| {
        let mut listed = connection.prepare_cached(
            "SELECT sql FROM sqlite_schema
             WHERE tbl_name = ?1 COLLATE NOCASE AND type <> 'trigger' AND sql IS NOT NULL
             ORDER BY rowid",
        )?;
        let found = listed.query_map([table], |row| row.get(0))?;
        found.collect::<rusqlite::Result<Vec<String>>>()
    })?;
    database.trusted(|connection| connection.execute_batch(&statements.join(";\n")))
}
