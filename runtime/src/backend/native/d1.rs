//! D1 in SQLite.
//!
//! A query has the same result as on D1: SQLite applies the rules and limits of D1, and numbers are
//! bound as REAL.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bindery_sqlite::rusqlite::ffi;
use bindery_sqlite::rusqlite::types::{ToSqlOutput, Value, ValueRef};
use bindery_sqlite::rusqlite::{self, Connection, Rows, Statement as Prepared, ToSql};
use bindery_sqlite::{Database, migrations};

use crate::app::{Content, Resource};
use crate::d1::query::RowSink;
use crate::d1::{Call, Cell, Cells, Meta, Parameter, Row, Statement};
use crate::error::{Constraint, ErrorKind, Failure};

use super::bindings::Opened;

/// A database, shared by the handles of one backend.
#[derive(Debug, Clone)]
pub struct D1(Arc<Mutex<Database>>);

impl D1 {
    /// Opens a file, or a database in memory, and applies the pending migrations.
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
        // SQLite rolls back a transaction that a panic interrupts, so the database is usable.
        work(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn run(&self, call: Call<'_>) -> Result<Meta, Failure> {
        self.with(|database| execute(database.connection(), call))
    }

    pub(crate) async fn batch(&self, calls: &mut [Call<'_>]) -> Result<Vec<Meta>, Failure> {
        self.with(|database| {
            database.transaction(|connection| {
                let mut metas = Vec::with_capacity(calls.len());
                for call in calls {
                    let call = Call {
                        statement: call.statement,
                        parameters: call.parameters,
                        rows: &mut *call.rows,
                        wants_meta: call.wants_meta,
                    };
                    metas.push(execute(connection, call)?);
                }
                Ok(metas)
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
        Some(failure) => Err(format!("the schema cannot be created: {}", failure.message).into()),
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
        Self::because(error_kind(&error), message, error)
    }
}

/// Runs one statement and passes its rows to the sink of the call.
fn execute(connection: &Connection, call: Call<'_>) -> Result<Meta, Failure> {
    let mut prepared = connection.prepare_cached(call.statement.sql)?;
    bind(&mut prepared, call.parameters)?;

    let changes_before = connection.total_changes();
    read_rows(prepared.raw_query(), call.statement, call.rows)?;
    if call.statement.reads_only {
        return Ok(Meta::default());
    }

    // As on D1, this includes the rows that triggers and foreign key actions change.
    let changes = connection.total_changes() - changes_before;
    Ok(Meta {
        rows_read: None,
        rows_written: Some(changes),
        changes,
        last_row_id: connection.last_insert_rowid(),
    })
}

fn read_rows(
    mut rows: Rows<'_>,
    statement: &Statement,
    sink: &mut dyn RowSink,
) -> Result<(), Failure> {
    let mut number = 0;

    while let Some(row) = rows.next()? {
        number += 1;
        if !sink.is_full() {
            let cells = NativeRow(row);
            let mut row = Row::new(&cells, statement.columns, number);
            sink.row(&mut row).map_err(|error| {
                let message = error.to_string();
                Failure::because(ErrorKind::Decode, message, error)
            })?;
        }
        // A statement that writes has to run to its end, even if no more rows are needed.
        if sink.is_full() && statement.reads_only {
            break;
        }
    }
    Ok(())
}

/// Removes the sign of a zero, as D1 does: JavaScript writes it as `0` in JSON.
fn positive_zero(value: f64) -> f64 {
    value + 0.0
}

/// A parameter, bound as on D1: every number is REAL.
struct Bound<'a>(&'a Parameter<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            // The caller has reported refused parameters.
            Parameter::Null | Parameter::Refused(_) => ToSqlOutput::Owned(Value::Null),
            Parameter::Integer(value) => ToSqlOutput::Owned(Value::Real(*value as f64)),
            Parameter::Real(value) => ToSqlOutput::Owned(Value::Real(positive_zero(*value))),
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

/// A row of SQLite.
struct NativeRow<'a>(&'a rusqlite::Row<'a>);

impl Cells for NativeRow<'_> {
    fn cell(&self, index: usize) -> Result<Cell<'_>, String> {
        let value = self.0.get_ref(index).map_err(|error| error.to_string())?;
        Ok(match value {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(value) => Cell::Integer(value),
            // D1 returns an infinity as null.
            ValueRef::Real(value) if !value.is_finite() => Cell::Null,
            ValueRef::Real(value) => Cell::Real(positive_zero(value)),
            ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text)),
            ValueRef::Blob(bytes) => Cell::Blob(bytes.into()),
        })
    }
}

fn error_kind(error: &rusqlite::Error) -> ErrorKind {
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
