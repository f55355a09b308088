//! An empty copy of the tables of a database, in which the analysis tries indexes.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use bindery_sqlite::{Database, rusqlite};

/// An empty copy, into which each table is copied when a statement needs it first.
#[derive(Debug)]
pub(crate) struct Scratch {
    database: OnceCell<Option<Database>>,
    /// The tables that were copied, and whether that was possible.
    tables: RefCell<HashMap<String, bool>>,
    /// The statements of each table, by its name in lower case.
    statements: OnceCell<HashMap<String, Vec<String>>>,
    is_omitted: bool,
}

impl Scratch {
    /// Creates a copy, or one that never has any tables.
    pub(crate) fn new(is_omitted: bool) -> Self {
        Self {
            database: OnceCell::new(),
            tables: RefCell::default(),
            statements: OnceCell::new(),
            is_omitted,
        }
    }

    /// Whether it never has any tables.
    pub(crate) fn is_omitted(&self) -> bool {
        self.is_omitted
    }

    /// Returns the copy with these tables, their indexes and views. `source` is the database that
    /// has them.
    pub(crate) fn with_tables(&self, source: &Database, tables: &[String]) -> Option<&Database> {
        if self.is_omitted {
            return None;
        }
        let database = self.database.get_or_init(|| empty().ok()).as_ref()?;
        let statements = self
            .statements
            .get_or_init(|| statements(source).unwrap_or_default());
        let mut known = self.tables.borrow_mut();
        for table in tables {
            let is_copied = known
                .entry(table.clone())
                .or_insert_with(|| copy(statements, database, table).is_ok());
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

/// Reads the statements of every table and view, with its indexes but without its triggers.
fn statements(source: &Database) -> rusqlite::Result<HashMap<String, Vec<String>>> {
    source.trusted(|connection| {
        let mut listed = connection.prepare(
            "SELECT lower(tbl_name), sql FROM sqlite_schema
             WHERE type <> 'trigger' AND sql IS NOT NULL ORDER BY rowid",
        )?;
        let mut rows = listed.query([])?;
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        while let Some(row) = rows.next()? {
            found.entry(row.get(0)?).or_default().push(row.get(1)?);
        }
        Ok(found)
    })
}

fn copy(
    statements: &HashMap<String, Vec<String>>,
    database: &Database,
    table: &str,
) -> rusqlite::Result<()> {
    let found = statements.get(&table.to_ascii_lowercase());
    let sql = found.map_or_else(String::new, |found| found.join(";\n"));
    database.trusted(|connection| connection.execute_batch(&sql))
}
