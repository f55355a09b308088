//! D1 in SQLite.
//!
//! A query has the same result as on D1: SQLite applies the rules and limits of D1, and numbers are
//! bound as REAL.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bindery_sqlite::rusqlite::ffi;
use bindery_sqlite::rusqlite::types::{ToSqlOutput, Value, ValueRef};
use bindery_sqlite::rusqlite::{self, Connection, Statement as Prepared, ToSql};
use bindery_sqlite::{Database, migrations};

use crate::app::{Content, Resource};
use crate::d1::{Call, Cell, Meta, Parameter, Row, Statement, kind_of_message};
use crate::error::{Constraint, ErrorKind, Failure};

use super::bindings::Opened;
use super::pool::{Pool, lock};

/// The number of rows after which decoding lets other tasks run.
const ROWS_PER_TURN: usize = 256;

/// A database, shared by the handles of one backend.
#[derive(Debug, Clone)]
pub(crate) struct D1(Pool<Database>);

impl D1 {
    /// Opens a file, or a database in memory, and applies the pending migrations.
    pub(super) fn open(path: Option<&Path>, resource: &Resource) -> Opened<Self> {
        let database = match path {
            Some(path) => {
                let database = Database::open(path)?;
                migrate(&database, resource)?;
                database
            }
            None => migrated_in_memory(resource)?,
        };
        Ok(Self(Pool::new(path, database)?))
    }

    /// Applies the pending migrations of another binding of the same database.
    pub(super) fn migrate(&self, resource: &Resource) -> Opened<()> {
        let migrated = self.0.with_writer(|database| migrate(database, resource));
        migrated.unwrap_or_else(|| Err("the database is in use".into()))
    }

    /// Runs a statement that only reads on this thread. Returns `None` if it takes too long.
    pub(crate) fn try_run(&self, call: Call<'_>) -> Option<Result<Meta, Failure>> {
        let read = |database: &Database| {
            let (connection, limit) = (database.connection(), call.limit);
            read(connection, call.statement, call.parameters, limit, |row| {
                Ok(call.rows.row(row)?)
            })
        };
        Some(self.0.try_read(read)?.map(|()| Meta::default()))
    }

    pub(crate) async fn run(&self, call: Call<'_>) -> Result<Meta, Failure> {
        let owned = OwnedCall::new(&call);
        let Ran { meta, rows } = if call.statement.reads_only {
            let work = move |database: &Database| owned.run(database.connection());
            self.0.read(work).await?
        } else {
            // As on D1, also a single statement: there `PRAGMA foreign_keys` has no effect.
            let run = move |connection: &Connection| owned.run(connection);
            let work = move |database: &Database| database.transaction(run);
            self.0.write(work).await?
        };
        rows.decode(call).await?;
        Ok(meta)
    }

    pub(crate) async fn batch(&self, calls: &mut [Call<'_>]) -> Result<Vec<Meta>, Failure> {
        let owned: Vec<OwnedCall> = calls.iter().map(OwnedCall::new).collect();
        let run_all = move |connection: &Connection| -> Result<Vec<Ran>, Failure> {
            let run = |(index, call): (usize, &OwnedCall)| {
                let ran = call.run(connection);
                ran.map_err(|failure| failure.at(index))
            };
            owned.iter().enumerate().map(run).collect()
        };
        let ran = if calls.iter().all(|call| call.statement.reads_only) {
            let work = move |database: &Database| database.snapshot(run_all);
            self.0.read(work).await?
        } else {
            let work = move |database: &Database| database.transaction(run_all);
            self.0.write(work).await?
        };

        let mut metas = Vec::with_capacity(ran.len());
        for (index, (call, Ran { meta, rows })) in calls.iter_mut().zip(ran).enumerate() {
            let decoded = rows.decode(call.reborrow()).await;
            decoded.map_err(|failure| failure.at(index))?;
            metas.push(meta);
        }
        Ok(metas)
    }
}

/// Opens a database in memory with all migrations of a binding. The migrations run once in a
/// process: its tests use copies of the result.
fn migrated_in_memory(resource: &Resource) -> Opened<Database> {
    static TEMPLATES: Mutex<BTreeMap<TemplateKey, Arc<[u8]>>> = Mutex::new(BTreeMap::new());

    let key = template_key(resource);
    let template = key.and_then(|key| lock(&TEMPLATES).get(&key).cloned());
    if let Some(template) = template {
        return Ok(Database::from_bytes(&template)?);
    }

    let mut database = Database::in_memory()?;
    migrate(&database, resource)?;
    if let Some(key) = key {
        lock(&TEMPLATES).insert(key, database.to_bytes()?.into());
    }
    Ok(database)
}

/// The addresses of the texts that a database is created from. They are constants of the program.
type TemplateKey = (usize, usize, usize);

fn template_key(resource: &Resource) -> Option<TemplateKey> {
    let Content::Database {
        migrations_table,
        baseline,
        migrations,
    } = resource.content
    else {
        return None;
    };
    let address = |text: &str| text.as_ptr() as usize;
    let key = (
        address(migrations_table),
        address(baseline),
        migrations.as_ptr() as usize,
    );
    // Empty slices can have the address of another constant.
    (!migrations.is_empty()).then_some(key)
}

/// Brings a database to the last migration of a binding.
fn migrate(database: &Database, resource: &Resource) -> Opened<()> {
    let Content::Database {
        migrations_table,
        baseline,
        migrations,
    } = resource.content
    else {
        return Ok(());
    };
    create_baseline(database, baseline)?;
    apply_pending(database, migrations_table, migrations)
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
        let kind = kind_of_message(&message).unwrap_or_else(|| error_kind(&error));
        Self::because(kind, message, error)
    }
}

/// A call that a thread without the borrows of the caller can run.
struct OwnedCall {
    statement: &'static Statement,
    parameters: Vec<Parameter<'static>>,
    limit: usize,
}

/// The counts and rows of a call that has run.
struct Ran {
    meta: Meta,
    rows: OwnedRows,
}

impl OwnedCall {
    fn new(call: &Call<'_>) -> Self {
        Self {
            statement: call.statement,
            parameters: call.parameters.iter().map(Parameter::to_static).collect(),
            limit: call.limit,
        }
    }

    fn run(&self, connection: &Connection) -> Result<Ran, Failure> {
        let Self {
            statement,
            parameters,
            limit,
        } = self;
        let changes_before = connection.total_changes();
        let mut rows = OwnedRows::default();
        read(connection, statement, parameters, *limit, |row| {
            rows.push(row, statement.columns.len())
        })?;

        if statement.reads_only {
            return Ok(Ran {
                meta: Meta::default(),
                rows,
            });
        }
        // As on D1, this includes the rows that triggers and foreign key actions change.
        let changes = connection.total_changes() - changes_before;
        let meta = Meta {
            rows_read: None,
            rows_written: Some(changes),
            changes,
            last_row_id: connection.last_insert_rowid(),
        };
        Ok(Ran { meta, rows })
    }
}

/// Rows that are decoded after their statement has ended. Decoding runs code of the user, which
/// must not hold a connection or a transaction.
#[derive(Default)]
struct OwnedRows {
    rows: Vec<Vec<Cell<'static>>>,
}

impl OwnedRows {
    fn push(&mut self, row: &mut Row<'_>, columns: usize) -> Result<(), Failure> {
        let cells = (0..columns).map(|index| row.cell(index).map(Cell::into_static));
        let cells = cells.collect::<Result<_, _>>();
        let decode = |message| Failure::new(ErrorKind::Decode, message);
        self.rows.push(cells.map_err(decode)?);
        Ok(())
    }

    /// Passes the rows to the sink of the call.
    async fn decode(self, call: Call<'_>) -> Result<(), Failure> {
        for (index, cells) in self.rows.iter().enumerate() {
            if index % ROWS_PER_TURN == ROWS_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
            let mut row = Row::new(Cells::Values(cells), call.statement.columns, index + 1);
            call.rows.row(&mut row)?;
        }
        Ok(())
    }
}

/// Runs one statement and passes up to `limit` rows to `each`.
fn read(
    connection: &Connection,
    statement: &Statement,
    parameters: &[Parameter<'_>],
    limit: usize,
    mut each: impl FnMut(&mut Row<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut prepared = connection.prepare_cached(statement.sql)?;
    bind(&mut prepared, parameters)?;

    let mut rows = prepared.raw_query();
    let mut number = 0;
    while let Some(row) = rows.next()? {
        number += 1;
        if number <= limit {
            each(&mut Row::new(Cells::Row(row), statement.columns, number))?;
        }
        // A statement that writes has to run to its end, even if no more rows are needed.
        if number >= limit && statement.reads_only {
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

/// The values of one row: of the current row of a statement, or copied from one.
#[derive(Clone, Copy)]
pub(crate) enum Cells<'a> {
    Row(&'a rusqlite::Row<'a>),
    Values(&'a [Cell<'static>]),
}

impl<'a> Cells<'a> {
    /// Returns the value of the column at `index`, from 0.
    pub(crate) fn cell(&self, index: usize) -> Result<Cell<'a>, String> {
        match self {
            Self::Row(row) => row
                .get_ref(index)
                .map(cell)
                .map_err(|error| error.to_string()),
            Self::Values(cells) => {
                let cell = cells.get(index).map(Cell::by_ref);
                cell.ok_or_else(|| "there is no such column".to_owned())
            }
        }
    }
}

fn cell(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Integer(value),
        // D1 returns an infinity as null.
        ValueRef::Real(value) if !value.is_finite() => Cell::Null,
        ValueRef::Real(value) => Cell::Real(positive_zero(value)),
        // The check of valid text is faster than the conversion of text that may be invalid.
        ValueRef::Text(text) => Cell::Text(match std::str::from_utf8(text) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(text),
        }),
        ValueRef::Blob(bytes) => Cell::Blob(bytes.into()),
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
