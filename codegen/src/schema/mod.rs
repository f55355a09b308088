//! Builds the [`Catalog`] of a database from its migrations.
//!
//! The migrations run on real SQLite under D1's rules. The catalog is read back from SQLite, so the
//! two cannot disagree.

mod apply;
mod cache;
mod check;
mod declared;
mod missing;
mod read;
mod scratch;
mod sketch;

use std::collections::HashMap;
use std::sync::Arc;

use bindery_sqlite::Database;

pub use apply::build;
pub(crate) use declared::{Meant, is_date, warn};
pub(crate) use read::{canonical_tokens, without_parentheses};
pub(crate) use sketch::UNKNOWN;

use crate::cache::encode_fields;
use crate::names::Name;
use crate::source::{FileId, Sources, Spanned};
use crate::syntax::ast::Expr;

use scratch::Scratch;

/// The schema of one database, and the database itself, which checks every query.
#[derive(Debug)]
pub struct Catalog {
    /// The database in memory, after every migration. After a migration that fails, it is only good
    /// for placeholders.
    pub database: Database,
    /// The tables and views, in the order of their creation.
    pub tables: Arc<Vec<Table>>,
    /// The applied migrations, in order.
    pub migrations: Vec<Migration>,
    /// The columns that a CHECK limits to a list of texts.
    pub text_enums: Arc<Vec<TextEnum>>,
    /// The index of each table in `tables`, by its name in lower case.
    by_name: Arc<HashMap<String, usize>>,
    /// An empty copy of the tables, in which indexes are tried.
    pub(crate) scratch: Scratch,
}

encode_fields! { TextEnum { table, column, values, ty, of_parameter } }

/// The texts that a CHECK allows in a column: `CHECK (status IN ('open', 'done'))`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEnum {
    /// The table, or the query if it belongs to a parameter.
    pub table: String,
    /// The column or the parameter.
    pub column: String,
    /// The texts, in the order of the SQL.
    pub values: Vec<String>,
    /// The name of the enum in Rust.
    pub ty: String,
    /// Whether it belongs to a parameter of a query and not to a column with a CHECK.
    pub of_parameter: bool,
}

/// One migration file.
#[derive(Debug, Clone)]
pub struct Migration {
    /// Its name in the migrations table.
    pub name: String,
    /// Its source file.
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
    /// Whether it has a trigger.
    pub has_triggers: bool,
    /// Its columns, in order, including hidden ones.
    pub columns: Vec<Column>,
    /// Its indexes, including those of its keys.
    pub indexes: Vec<Index>,
}

/// An index.
#[derive(Debug, Clone)]
pub struct Index {
    /// Its name, which SQLite generates for the index of a key.
    pub name: String,
    /// Whether it is UNIQUE.
    pub unique: bool,
    /// The conditions of its WHERE clause, each as tokens in lower case. Empty if it has none.
    pub filter: Vec<Vec<String>>,
    /// Whether it belongs to the primary key.
    pub of_key: bool,
    /// The index of each column, `None` for an expression, and its collation.
    pub columns: Vec<(Option<usize>, String)>,
}

/// The kind of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableKind {
    /// An ordinary table.
    Table,
    /// A view and its CREATE VIEW statement.
    View(String),
    /// A virtual table: its module in lower case, and the arguments of `USING`.
    Virtual(String, Vec<String>),
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its declared type as written, or an empty string.
    pub declared: String,
    /// Whether it rejects NULL, because of NOT NULL or as a rowid alias.
    pub not_null: bool,
    /// Whether it is part of the primary key.
    pub in_key: bool,
    /// Whether it is part of a primary key without NOT NULL, whose author promises that it is never
    /// NULL. SQLite does not enforce it.
    pub promised: bool,
    /// Whether it has a default value.
    pub has_default: bool,
    /// Whether it is declared as a date but its default is a number: `DEFAULT (unixepoch())`.
    pub counts_seconds: bool,
    /// Whether it is an alias of the rowid. SQLite sets it when it is omitted or NULL.
    pub rowid_alias: bool,
    /// Whether it is a generated column, which cannot be written.
    pub generated: bool,
    /// Whether `*` omits it.
    pub hidden: bool,
    /// Whether the table is STRICT, so that SQLite enforces the declared type.
    pub strict: bool,
    /// Its collation, in upper case; `BINARY` by default.
    pub collation: String,
    /// The values that a CHECK of the table allows.
    pub checked: Checked,
    /// The expression of a generated column, and the statement that contains it.
    pub(crate) computed: Option<(Expr, Arc<str>)>,
    /// The default value, and the statement that contains it.
    pub(crate) default: Option<(Expr, Arc<str>)>,
}

/// The values that a CHECK allows in a column, apart from NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checked {
    /// Any value.
    #[default]
    Any,
    /// 0 or 1.
    Boolean,
    /// One of the texts of an element of [`Catalog::text_enums`], by index.
    Enum(u32),
}

impl Column {
    /// Whether it is never NULL, by a constraint or by the promise of a primary key.
    #[must_use]
    pub fn never_null(&self) -> bool {
        self.not_null || self.promised
    }
}

impl TextEnum {
    /// Creates the enum of a column, or of a parameter of a query.
    #[must_use]
    pub fn new(table: &str, column: &str, values: Vec<String>) -> Self {
        let ty = Name::new(&format!("{table}_{column}")).ty;
        Self {
            table: table.to_owned(),
            column: column.to_owned(),
            values,
            ty,
            of_parameter: false,
        }
    }
}

impl Catalog {
    /// Copies the schema so that another thread can open its own database.
    pub(crate) fn seed(&mut self) -> Option<Seed> {
        Some(Seed {
            bytes: Arc::from(&*self.database.to_bytes().ok()?),
            tables: Arc::clone(&self.tables),
            text_enums: Arc::clone(&self.text_enums),
            by_name: Arc::clone(&self.by_name),
            omits_indexes: self.scratch.is_omitted(),
        })
    }

    /// Returns every foreign key, in the order of the tables.
    ///
    /// # Errors
    /// When SQLite cannot read its own schema.
    pub fn references(&self) -> Result<Vec<Reference>, bindery_sqlite::rusqlite::Error> {
        let tables = self.tables.iter();
        let ordinary = tables.filter(|table| table.kind == TableKind::Table);

        self.database.trusted(|connection| {
            let mut statement = connection.prepare(
                "SELECT \"from\", \"table\", \"to\", on_delete
                 FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
            )?;
            let mut found = Vec::new();
            for table in ordinary {
                let mut rows = statement.query([&table.name])?;
                while let Some(row) = rows.next()? {
                    found.push(Reference {
                        table: table.name.clone(),
                        column: row.get(0)?,
                        parent: row.get(1)?,
                        parent_column: row.get(2)?,
                        on_delete: row.get(3)?,
                    });
                }
            }
            Ok(found)
        })
    }

    /// Returns the table or view with this name, ignoring case as SQLite does.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.by_name
            .get(&name.to_ascii_lowercase())
            .and_then(|index| self.tables.get(*index))
    }
}

/// A column that refers to another table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The table that refers.
    pub table: String,
    /// Its column.
    pub column: String,
    /// The table that is referred to.
    pub parent: String,
    /// The column there; `None` for its primary key.
    pub parent_column: Option<String>,
    /// The ON DELETE action, as SQLite spells it.
    pub on_delete: String,
}

/// A copy of a schema that can be sent to another thread.
#[derive(Debug, Clone)]
pub(crate) struct Seed {
    bytes: Arc<[u8]>,
    tables: Arc<Vec<Table>>,
    text_enums: Arc<Vec<TextEnum>>,
    by_name: Arc<HashMap<String, usize>>,
    omits_indexes: bool,
}

impl Seed {
    /// Opens the schema with a separate database.
    pub(crate) fn grow(self) -> Option<Catalog> {
        let Self {
            bytes,
            tables,
            text_enums,
            by_name,
            omits_indexes,
        } = self;
        let database = Database::from_bytes(&bytes).ok()?;
        Some(Catalog {
            database,
            tables,
            migrations: Vec::new(),
            text_enums,
            by_name,
            scratch: Scratch::new(omits_indexes),
        })
    }
}

/// The files from which a database is built.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// A schema that existed before the first migration.
    pub baseline: Option<FileId>,
    /// The migrations: the name in the migrations table, and the whole file.
    pub migrations: Vec<Spanned<String>>,
    /// Whether a primary key without NOT NULL can contain NULL, as it can in SQLite.
    pub nullable_keys: bool,
    /// The binding of the database in the manifest.
    pub binding: String,
    /// Whether `Cargo.toml` has settings for the binding.
    pub has_settings: bool,
}

impl Inputs {
    /// Returns a key that identifies the schema.
    pub(crate) fn key(&self, sources: &Sources, migrations_table: &str) -> String {
        cache::key(sources, migrations_table, self)
    }
}
