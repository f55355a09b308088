//! Migrations in, a [`Catalog`] out: what the database holds once every migration is applied.
//!
//! The migrations run on real SQLite under D1's rules; the catalog is read back from it, so it
//! knows what SQLite knows and cannot disagree with it.

mod cache;
mod check;
mod read;

use std::collections::HashMap;
use std::sync::Arc;

use bindery_sqlite::replay::Replay;
use bindery_sqlite::{Database, migrations};

use crate::cache::encode_fields;
use crate::names::Name;
use crate::report::{Code, Diagnostic, Errors};
use crate::source::{FileId, Sources, Spanned};
use crate::syntax::ast::Expr;

/// The schema of one database, and the database itself: the judge of every query.
#[derive(Debug)]
pub struct Catalog {
    /// The database in memory, with every migration applied.
    pub database: Database,
    /// Tables and views, in the order of their creation.
    pub tables: Arc<Vec<Table>>,
    /// The migrations, in the order in which they are applied.
    pub migrations: Vec<Migration>,
    /// Columns that a CHECK holds to a list of texts.
    pub text_enums: Arc<Vec<TextEnum>>,
    /// Where each table stands, by its name in lower case.
    by_name: Arc<HashMap<String, usize>>,
}

encode_fields! { TextEnum { table, column, values, ty, of_parameter } }

/// The texts that a CHECK leaves to a column: `CHECK (status IN ('open', 'done'))`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEnum {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The texts, in the order of the CHECK.
    pub values: Vec<String>,
    /// The name of their enum.
    pub ty: String,
    /// Whether a parameter of a query chooses among them; else a CHECK leaves them to a column.
    pub of_parameter: bool,
}

/// One migration file.
#[derive(Debug, Clone)]
pub struct Migration {
    /// Its name in the migrations_table.
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
    /// Its indexes, those of its keys included.
    pub indexes: Vec<Index>,
}

/// An index.
#[derive(Debug, Clone)]
pub struct Index {
    /// Its name; SQLite's own for that of a key.
    pub name: String,
    /// Whether no two rows may be equal in it.
    pub unique: bool,
    /// Whether a WHERE leaves rows out of it.
    pub partial: bool,
    /// Whether it is the primary key's.
    pub of_key: bool,
    /// What it orders by: the number of a column, `None` for an expression, and the collation.
    pub columns: Vec<(Option<usize>, String)>,
}

/// Whether a declared type is that of a date or a time. To SQLite they are numbers.
pub(crate) fn is_date(declared: &str) -> bool {
    ["DATE", "TIME", "DATETIME", "TIMESTAMP"]
        .iter()
        .any(|known| declared.eq_ignore_ascii_case(known))
}

/// What kind of relation a [`Table`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableKind {
    /// An ordinary table.
    Table,
    /// A view, with its CREATE VIEW statement.
    View(String),
    /// A virtual table: its module, in lower case, and the arguments of `USING`.
    Virtual(String, Vec<String>),
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
    /// Whether it is a part of the primary key.
    pub in_key: bool,
    /// Whether an INSERT may leave it out.
    pub has_default: bool,
    /// Whether it is declared as a date and is given a number where nothing is given: `DEFAULT (unixepoch())`.
    pub counts_seconds: bool,
    /// Whether it is an alias of the rowid: given by SQLite when left out or NULL.
    pub rowid_alias: bool,
    /// Whether it is computed, and cannot be written.
    pub generated: bool,
    /// Whether `*` leaves it out.
    pub hidden: bool,
    /// Whether the table is STRICT: the declared type is then kept by SQLite.
    pub strict: bool,
    /// How its texts are compared, in upper case: `BINARY` unless declared otherwise.
    pub collation: String,
    /// What a CHECK of the table leaves to it.
    pub checked: Checked,
    /// What a generated column computes, and the statement that the expression is a part of.
    pub(crate) computed: Option<(Expr, Arc<str>)>,
}

/// What a CHECK leaves to a column, NULL aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checked {
    /// Nothing is known.
    #[default]
    Any,
    /// 0 and 1.
    Boolean,
    /// One of the texts of [`Catalog::choices`], by number.
    Enum(u32),
}

impl TextEnum {
    /// The texts of a column, or of a parameter of a query.
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
    /// What another thread makes a database of its own from.
    pub(crate) fn seed(&mut self) -> Option<Seed> {
        Some(Seed {
            bytes: Arc::from(self.database.to_bytes().ok()?),
            tables: Arc::clone(&self.tables),
            text_enums: Arc::clone(&self.text_enums),
            by_name: Arc::clone(&self.by_name),
        })
    }

    /// Every foreign key, in the order of the tables.
    ///
    /// # Errors
    /// When SQLite cannot read its own schema.
    pub fn references(&self) -> Result<Vec<Reference>, bindery_sqlite::rusqlite::Error> {
        let mut found = Vec::new();
        self.database.trusted(|connection| {
            let mut statement = connection
                .prepare("SELECT \"from\", \"table\", \"to\", on_delete FROM pragma_foreign_key_list(?1) ORDER BY id, seq")?;
            for table in self.tables.iter().filter(|table| table.kind == TableKind::Table) {
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
            Ok(())
        })?;
        Ok(found)
    }

    /// The table or view of a name, as SQLite compares names.
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
    /// What happens when the row there is deleted, in SQLite's words.
    pub on_delete: String,
}

/// A schema on its way to another thread.
#[derive(Debug, Clone)]
pub(crate) struct Seed {
    bytes: Arc<[u8]>,
    tables: Arc<Vec<Table>>,
    text_enums: Arc<Vec<TextEnum>>,
    by_name: Arc<HashMap<String, usize>>,
}

impl Seed {
    /// The same schema over a database of its own.
    pub(crate) fn grow(self) -> Option<Catalog> {
        let Self {
            bytes,
            tables,
            text_enums,
            by_name,
        } = self;
        let database = Database::from_bytes(&bytes).ok()?;
        Some(Catalog {
            database,
            tables,
            migrations: Vec::new(),
            text_enums,
            by_name,
        })
    }
}

/// The files that make a database.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// A schema that was there before the first migration.
    pub baseline: Option<FileId>,
    /// The migrations: name in the migrations_table, and the whole file.
    pub migrations: Vec<Spanned<String>>,
}

impl Inputs {
    /// A name for the schema that they make, and for no other.
    pub(crate) fn key(&self, sources: &Sources, migrations_table: &str) -> String {
        cache::key(sources, migrations_table, self)
    }
}

/// Makes one database: its baseline if there is one, then its migrations in wrangler's order. Reads what
/// came of it.
///
/// The first migration that fails ends the run, as it would on D1; what the ones before it made is
/// still given.
pub fn build(
    errors: &mut Errors,
    sources: &Sources,
    migrations_table: &str,
    inputs: &Inputs,
) -> Option<Catalog> {
    let key = inputs.key(sources, migrations_table);
    let mut files = in_order(inputs);
    let listed = |files: Vec<Spanned<String>>| {
        files.into_iter().map(|file| Migration {
            name: file.value,
            file: file.span.file,
        })
    };
    if let Some(made) = cache::load(sources, &key) {
        let applied = migrations::applied(&made.database, migrations_table).unwrap_or_default();
        files.retain(|file| applied.contains(&file.value));
        return read_back(
            errors,
            made.database,
            migrations_table,
            &made.places,
            listed(files).collect(),
        );
    }
    let before = errors.count();
    let (mut database, known) = open(errors, sources, migrations_table, inputs.baseline)?;
    // A baseline that was exported from D1 holds the migrations_table, too.
    files.retain(|file| !known.contains(&file.value));
    let mut replay = match Replay::new(&database) {
        Ok(replay) => replay,
        Err(error) => {
            cannot_start(errors, &error);
            return None;
        }
    };
    let mut applied = 0;
    for Spanned { value: name, span } in &files {
        let sql = &sources.file(span.file).text;
        if let Err(mut failure) =
            replay.apply(migrations_table, migrations::Migration { name, sql })
        {
            if let Some(denied) = database
                .denied()
                .filter(|_| failure.message.contains("not authorized"))
            {
                failure.message = format!("D1 does not allow {denied}");
            }
            errors.push(
                Diagnostic::new(
                    Code::Migration,
                    format!("the migration `{name}` fails: {}", failure.message),
                    span.part(&failure.span),
                )
                .label("D1 would refuse this")
                .help("nothing of this file would be kept; the files before it would"),
            );
            break;
        }
        applied += 1;
    }
    let places = replay.into_places();
    if errors.count() == before && known.is_empty() {
        cache::save(sources, &key, &mut database, &places);
    }
    files.truncate(applied);
    read_back(
        errors,
        database,
        migrations_table,
        &places,
        listed(files).collect(),
    )
}

/// The migrations in wrangler's order.
fn in_order(inputs: &Inputs) -> Vec<Spanned<String>> {
    let mut files = inputs.migrations.clone();
    files.sort_by(|left, right| migrations::order(&left.value, &right.value));
    files
}

/// What a database holds.
fn read_back(
    errors: &mut Errors,
    database: Database,
    migrations_table: &str,
    places: &HashMap<String, i64>,
    migrations: Vec<Migration>,
) -> Option<Catalog> {
    match read::tables(&database, migrations_table, places) {
        Ok((tables, text_enums)) => {
            let by_name = tables
                .iter()
                .enumerate()
                .map(|(index, table)| (table.name.to_ascii_lowercase(), index))
                .collect();
            Some(Catalog {
                database,
                tables: Arc::new(tables),
                migrations,
                text_enums: Arc::new(text_enums),
                by_name: Arc::new(by_name),
            })
        }
        Err(error) => {
            errors.push(Diagnostic::new(
                Code::Migration,
                format!("the schema cannot be read back: {error}"),
                None,
            ));
            None
        }
    }
}

/// A database with its baseline, and the names in its migrations_table.
fn open(
    errors: &mut Errors,
    sources: &Sources,
    migrations_table: &str,
    baseline: Option<FileId>,
) -> Option<(Database, Vec<String>)> {
    let opened = Database::in_memory().and_then(|database| {
        for failure in baseline
            .map(|file| migrations::baseline(&database, &sources.file(file).text))
            .unwrap_or_default()
        {
            let span = baseline.map(|file| sources.whole(file).part(&failure.span));
            errors.push(
                Diagnostic::new(
                    Code::Migration,
                    format!("the schema fails: {}", failure.message),
                    span,
                )
                .label("D1 would refuse this"),
            );
        }
        migrations::applied(&database, migrations_table).map(|known| (database, known))
    });
    match opened {
        Ok(opened) => Some(opened),
        Err(error) => {
            cannot_start(errors, &error);
            None
        }
    }
}

fn cannot_start(errors: &mut Errors, error: &bindery_sqlite::rusqlite::Error) {
    errors.push(Diagnostic::new(
        Code::Migration,
        format!("SQLite cannot start: {error}"),
        None,
    ));
}
