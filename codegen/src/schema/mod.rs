//! Migrations in, a [`Catalog`] out: what the database holds once every migration is applied.
//!
//! The migrations run on real SQLite under D1's rules; the catalog is read back from it, so it
//! knows what SQLite knows and cannot disagree with it.

mod read;

use bindery_sqlite::{Database, migrations};

use crate::report::{Diagnostic, Errors, code};
use crate::source::{FileId, Sources, Spanned};

/// The schema of one database, and the database itself: the judge of every query.
#[derive(Debug)]
pub struct Catalog {
    /// The database in memory, with every migration applied.
    pub database: Database,
    /// Tables and views, in the order of their creation.
    pub tables: Vec<Table>,
    /// The migrations, in the order in which they are applied.
    pub migrations: Vec<Migration>,
}

/// One migration file.
#[derive(Debug, Clone)]
pub struct Migration {
    /// Its name in the ledger.
    pub name: String,
    /// Its text.
    pub file: FileId,
}

/// A table or a view.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Table, view or virtual table.
    pub kind: TableKind,
    /// Whether the table has a rowid.
    pub has_rowid: bool,
    /// Whether a trigger hangs on it.
    pub has_triggers: bool,
    /// Its columns, in order; hidden ones too.
    pub columns: Vec<Column>,
}

/// What kind of relation a [`Table`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableKind {
    /// An ordinary table.
    Table,
    /// A view, with its CREATE VIEW statement.
    View(String),
    /// A virtual table.
    Virtual,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its declared type, as written; empty when there is none.
    pub declared: String,
    /// Whether NULL is refused: NOT NULL, or a rowid alias.
    pub not_null: bool,
    /// Whether an INSERT may leave it out.
    pub has_default: bool,
    /// Whether it is an alias of the rowid: given by SQLite when left out or NULL.
    pub rowid_alias: bool,
    /// Whether it is computed, and cannot be written.
    pub generated: bool,
    /// Whether `*` leaves it out.
    pub hidden: bool,
    /// Whether the table is STRICT: the declared type is then kept by SQLite.
    pub strict: bool,
}

impl Catalog {
    /// The table or view of a name, as SQLite compares names.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name))
    }
}

/// Applies the migrations of one database, in wrangler's order, and reads what came of it.
///
/// The first migration that fails ends the run, as it would on D1; what the ones before it made is
/// still given.
pub fn build(errors: &mut Errors, sources: &Sources, ledger: &str, mut files: Vec<Spanned<String>>) -> Option<Catalog> {
    files.sort_by(|left, right| migrations::order(&left.value, &right.value));
    let database = open(errors, ledger)?;
    let mut applied = Vec::new();
    for Spanned { value: name, span } in files {
        let sql = &sources.file(span.file).text;
        if let Err(failure) = migrations::apply(&database, ledger, migrations::Migration { name: &name, sql }) {
            errors.push(
                Diagnostic::new(
                    code::MIGRATION,
                    format!("the migration `{name}` fails: {}", failure.message),
                    span.part(&failure.span),
                )
                .label("D1 would refuse this")
                .help("nothing of this file would be kept; the files before it would"),
            );
            break;
        }
        applied.push(Migration { name, file: span.file });
    }
    match read::tables(&database, ledger) {
        Ok(tables) => Some(Catalog { database, tables, migrations: applied }),
        Err(error) => {
            errors.push(Diagnostic::new(code::MIGRATION, format!("the schema cannot be read back: {error}"), None));
            None
        }
    }
}

fn open(errors: &mut Errors, ledger: &str) -> Option<Database> {
    let opened = Database::in_memory().and_then(|database| migrations::applied(&database, ledger).map(|_| database));
    match opened {
        Ok(database) => Some(database),
        Err(error) => {
            errors.push(Diagnostic::new(code::MIGRATION, format!("SQLite cannot start: {error}"), None));
            None
        }
    }
}
