//! D1 on SQLite, in the ways that a query can see: rules, limits, REAL for every number.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bindery_sqlite::rusqlite::ffi;
use bindery_sqlite::rusqlite::types::{ToSqlOutput, Value, ValueRef};
use bindery_sqlite::rusqlite::{self, Connection, Statement as Prepared, ToSql};
use bindery_sqlite::{Database, migrations};

use crate::app::{Content, Resource};
use crate::d1::{Call, Cell, Cells, Meta, Parameter, Row};
use crate::error::{Constraint, ErrorKind, Failure};

use super::bindings::Opened;

/// A database, shared by the handles of one world.
#[derive(Debug, Clone)]
pub struct D1(Arc<Mutex<Database>>);

impl D1 {
    /// Opens the file, or a database in memory, and applies the pending migrations.
    pub(super) fn open(path: Option<&Path>, resource: &Resource) -> Opened<Self> {
        let database = match path {
            Some(path) => Database::open(path)?,
            None => Database::in_memory()?,
        };
        if let Content::Database {
            migrations_table,
            baseline,
            migrations,
        } = resource.content
        {
            create_baseline(&database, baseline)?;
            apply_pending(&database, migrations_table, migrations)?;
        }
        Ok(Self(Arc::new(Mutex::new(database))))
    }

    fn with<T>(&self, work: impl FnOnce(&Database) -> T) -> T {
        // SQLite undoes what a panic interrupted, so the database is whole.
        work(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn run(&self, call: Call<'_>) -> Result<Meta, Failure> {
        self.with(|database| execute(database.connection(), call))
    }

    pub(crate) async fn batch(&self, calls: &mut [Call<'_>]) -> Result<Vec<Meta>, Failure> {
        self.with(|database| {
            database.transaction(|connection| {
                calls
                    .iter_mut()
                    .map(|call| {
                        let Call {
                            statement,
                            parameters,
                            rows,
                            wants_meta,
                        } = call;
                        execute(
                            connection,
                            Call {
                                statement,
                                parameters,
                                rows: &mut **rows,
                                wants_meta: *wants_meta,
                            },
                        )
                    })
                    .collect()
            })
        })
    }
}

/// Creates the schema that existed before the first migration, in a new database.
fn create_baseline(database: &Database, baseline: &str) -> Opened<()> {
    let is_new = database.trusted(|connection| {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)";
        connection.query_row(sql, [], |row| row.get::<_, bool>(0))
    })?;
    if !is_new || baseline.is_empty() {
        return Ok(());
    }

    database.transaction(|_| match migrations::baseline(database, baseline).first() {
        Some(failure) => Err(format!("the schema fails: {}", failure.message).into()),
        None => Ok(()),
    })
}

/// Applies the migrations that the migrations table does not list.
fn apply_pending(database: &Database, table: &str, files: &[(&str, &str)]) -> Opened<()> {
    let applied = migrations::applied(database, table)?;
    let is_pending = |name: &str| !applied.iter().any(|known| known == name);

    for (name, sql) in files.iter().filter(|(name, _)| is_pending(name)) {
        let migration = migrations::Migration { name, sql };
        migrations::apply(database, table, migration).map_err(|failure| {
            let before = sql.get(..failure.span.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            format!(
                "the migration `{name}` fails at line {line}: {}; no statement of this file was \
                 applied, all earlier migrations were",
                failure.message
            )
        })?;
    }
    Ok(())
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let message = migrations::message(&error);
        Self::because(kind(&error), message, error)
    }
}

fn execute(connection: &Connection, call: Call<'_>) -> Result<Meta, Failure> {
    let mut statement = connection.prepare_cached(call.statement.sql)?;
    bind(&mut statement, call.parameters)?;
    let changes_before = connection.total_changes();
    let mut count = 0_u64;
    let mut rows = statement.raw_query();
    // A statement that writes is stepped to its end even when no row of it is wanted.
    while let Some(row) = rows.next()? {
        count += 1;
        if call.rows.is_full() {
            if call.statement.reads_only {
                break;
            } else {
                continue;
            }
        }
        let cells = NativeRow(row);
        let mut row = Row::new(
            &cells,
            call.statement.columns,
            usize::try_from(count).unwrap_or(usize::MAX),
        );
        call.rows
            .row(&mut row)
            .map_err(|error| Failure::because(ErrorKind::Decode, error.to_string(), error))?;
        if call.rows.is_full() && call.statement.reads_only {
            break;
        }
    }
    drop(rows);
    if call.statement.reads_only {
        return Ok(Meta::default());
    }
    // As on D1, rows of triggers and of foreign keys' actions count too.
    let changes = connection.total_changes() - changes_before;
    Ok(Meta {
        rows_read: None,
        rows_written: Some(changes),
        changes,
        last_row_id: connection.last_insert_rowid(),
    })
}

/// Every number is REAL on D1.
struct Bound<'a>(&'a Parameter<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            // What is refused never comes here: it is checked before.
            Parameter::Null | Parameter::Refused(_) => ToSqlOutput::Owned(Value::Null),
            Parameter::Integer(value) => ToSqlOutput::Owned(Value::Real(*value as f64)),
            Parameter::Real(value) => ToSqlOutput::Owned(Value::Real(*value)),
            Parameter::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Parameter::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

fn bind(statement: &mut Prepared<'_>, parameters: &[Parameter<'_>]) -> Result<(), Failure> {
    for (index, parameter) in parameters.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, Bound(parameter))?;
    }
    Ok(())
}

struct NativeRow<'a>(&'a rusqlite::Row<'a>);

impl Cells for NativeRow<'_> {
    fn cell(&self, index: usize) -> Result<Cell<'_>, String> {
        let value = self.0.get_ref(index).map_err(|error| error.to_string())?;
        Ok(match value {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(value) => Cell::Integer(value),
            // An infinity comes back as null from D1.
            ValueRef::Real(value) if !value.is_finite() => Cell::Null,
            ValueRef::Real(value) => Cell::Real(value),
            ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text)),
            ValueRef::Blob(bytes) => Cell::Blob(bytes.into()),
        })
    }
}

fn kind(error: &rusqlite::Error) -> ErrorKind {
    let Some(failure) = error.sqlite_error() else {
        return ErrorKind::Internal;
    };
    match failure.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => ErrorKind::Constraint(Constraint::Unique),
        ffi::SQLITE_CONSTRAINT_NOTNULL => ErrorKind::Constraint(Constraint::NotNull),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ErrorKind::Constraint(Constraint::ForeignKey),
        ffi::SQLITE_CONSTRAINT_CHECK => ErrorKind::Constraint(Constraint::Check),
        ffi::SQLITE_CONSTRAINT_DATATYPE => ErrorKind::Constraint(Constraint::DataType),
        code => match code & 0xff {
            ffi::SQLITE_CONSTRAINT => ErrorKind::Constraint(Constraint::Other),
            ffi::SQLITE_TOOBIG => ErrorKind::TooLarge,
            ffi::SQLITE_AUTH => ErrorKind::Denied,
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => ErrorKind::Overloaded,
            _ => ErrorKind::Internal,
        },
    }
}
