//! What the dashboard reads of a database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bindery_sqlite::Database;
use bindery_sqlite::outline::Outline;
use bindery_sqlite::rusqlite::types::ValueRef;
use bindery_sqlite::rusqlite::{self, Connection, Row};

use crate::d1::AnyStatement;
use crate::error::{ErrorKind, Failure};

use super::super::pool::lock;
use super::D1;
use super::errors::of_the_caller;
use super::run::rows_read;

/// The rows of a result.
const MAX_ROWS: usize = 200;

/// The rows of a table that are counted.
const MAX_COUNT: i64 = 100_000;

/// The characters of a text, and the bytes of a BLOB in hexadecimal digits.
const MAX_TEXT: usize = 200;
const MAX_BYTES: usize = 16;

/// The SQL of the queries that have run, by name. If it depends on the arguments, that of the last
/// call.
#[derive(Debug, Clone, Default)]
pub(super) struct Queries(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Queries {
    pub(super) fn add(&self, statement: &AnyStatement) {
        let mut queries = lock(&self.0);
        let known = queries.get(statement.name());
        if known.is_none_or(|known| known != statement.sql()) {
            queries.insert(statement.name(), statement.sql().to_owned());
        }
    }
}

/// A table or a view.
pub(in super::super) struct Table {
    pub(in super::super) name: String,
    pub(in super::super) is_view: bool,
    /// The rows; one more than [`MAX_COUNT`] if there are more.
    pub(in super::super) rows: i64,
    pub(in super::super) sql: String,
}

impl Table {
    /// The number of rows in words.
    pub(in super::super) fn count(&self) -> String {
        match self.rows {
            1 => "1 row".to_owned(),
            rows if rows > MAX_COUNT => format!("more than {MAX_COUNT} rows"),
            rows => format!("{rows} rows"),
        }
    }
}

/// The result of a statement.
pub(in super::super) struct Selected {
    pub(in super::super) columns: Vec<String>,
    pub(in super::super) rows: Vec<Vec<Cell>>,
    /// Whether there are more rows.
    pub(in super::super) has_more: bool,
    pub(in super::super) rows_read: u64,
    pub(in super::super) duration: Duration,
}

/// A value as text.
pub(in super::super) enum Cell {
    Null,
    Number(String),
    Text(String),
    Blob(String),
}

impl D1 {
    /// Returns the SQL of a query that has run.
    pub(in super::super) fn query(&self, name: &str) -> Option<String> {
        lock(&self.queries.0).get(name).cloned()
    }

    /// Returns the names of the queries that have run.
    pub(in super::super) fn query_names(&self) -> Vec<&'static str> {
        lock(&self.queries.0).keys().copied().collect()
    }

    /// Returns SQLite's plan for a statement: each step, with its depth.
    pub(in super::super) async fn plan(&self, sql: &str) -> Result<Vec<(usize, String)>, Failure> {
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let plan = move |database: &Database| {
            let plan = database.trusted(|connection| {
                let mut statement = connection.prepare(&sql)?;
                // Its parameters stay NULL.
                let steps = statement
                    .raw_query()
                    .mapped(|row| Ok((row.get("id")?, row.get("parent")?, row.get("detail")?)));
                steps.collect::<rusqlite::Result<Vec<(i64, i64, String)>>>()
            })?;
            Ok(with_depths(plan))
        };
        self.pool.read(plan).await
    }

    /// Returns the tables and views of the application.
    pub(in super::super) async fn tables(&self) -> Result<Vec<Table>, Failure> {
        let read = |database: &Database| {
            let connection = database.connection();
            let sql = "SELECT name, type = 'view', coalesce(sql, '') FROM sqlite_schema
                 WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                   AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY name";
            let mut statement = connection.prepare(sql)?;
            let tables = statement.query_map([], |row| {
                let (name, is_view, sql) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Table {
                    rows: 0,
                    name,
                    is_view,
                    sql,
                })
            })?;

            let mut tables = tables.collect::<rusqlite::Result<Vec<Table>>>()?;
            for table in &mut tables {
                table.rows = count(connection, &table.name)?;
            }
            Ok(tables)
        };
        self.pool.read(read).await
    }

    /// Returns a page of the rows of a table.
    pub(in super::super) async fn rows(
        &self,
        table: &str,
        offset: u64,
        limit: usize,
    ) -> Result<Selected, Failure> {
        let sql = format!("SELECT * FROM {} LIMIT -1 OFFSET {offset}", quoted(table));
        let read = move |database: &Database| select(database.connection(), &sql, limit);
        self.pool.read(read).await
    }

    /// Runs a statement that only reads.
    pub(in super::super) async fn select(&self, sql: &str) -> Result<Selected, Failure> {
        let outline = Outline::of(sql);
        if outline.statements != 1 || !outline.reads_only {
            let message = "only one SELECT or VALUES runs here";
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        if outline.parameters > 0 {
            let message = "write values instead of the parameters of the statement";
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        let sql = sql.to_owned();
        let read = move |database: &Database| {
            select(database.connection(), &sql, MAX_ROWS).map_err(of_the_caller)
        };
        self.pool.read(read).await
    }
}

fn count(connection: &Connection, table: &str) -> rusqlite::Result<i64> {
    let table = quoted(table);
    let limit = MAX_COUNT + 1;
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {limit})");
    connection.query_row(&sql, [], |row| row.get(0))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn select(connection: &Connection, sql: &str, limit: usize) -> Result<Selected, Failure> {
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_names();
    let columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
    let started = Instant::now();

    let mut found = Vec::new();
    let mut has_more = false;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        has_more = found.len() == limit;
        if has_more {
            break;
        }
        found.push(cells(row, columns.len())?);
    }
    drop(rows);

    Ok(Selected {
        rows_read: rows_read(&statement, found.len()),
        duration: started.elapsed(),
        columns,
        rows: found,
        has_more,
    })
}

fn cells(row: &Row<'_>, count: usize) -> rusqlite::Result<Vec<Cell>> {
    let cell = |index| {
        Ok(match row.get_ref(index)? {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(number) => Cell::Number(number.to_string()),
            ValueRef::Real(number) => Cell::Number(number.to_string()),
            ValueRef::Text(text) => Cell::Text(shortened(&String::from_utf8_lossy(text))),
            ValueRef::Blob(bytes) => Cell::Blob(digits(bytes)),
        })
    };
    (0..count).map(cell).collect()
}

/// Returns the first characters of a text.
pub(in super::super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn digits(bytes: &[u8]) -> String {
    let first = bytes.iter().take(MAX_BYTES);
    let digits: String = first.map(|byte| format!("{byte:02x}")).collect();
    let rest = if bytes.len() > MAX_BYTES { "…" } else { "" };
    format!("x'{digits}{rest}' ({} bytes)", bytes.len())
}

/// Replaces the ids of the steps of a plan by their depths.
fn with_depths(plan: Vec<(i64, i64, String)>) -> Vec<(usize, String)> {
    let mut depths = BTreeMap::from([(0, 0)]);
    let steps = plan.into_iter().map(|(id, parent, detail)| {
        let depth = depths.get(&parent).copied().unwrap_or(0);
        depths.insert(id, depth + 1);
        (depth, detail)
    });
    steps.collect()
}
