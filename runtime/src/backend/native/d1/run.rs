//! Runs one statement and passes its rows on.

use std::time::Instant;

use bindery_sqlite::rusqlite::{self, Connection, Statement as Prepared, StatementStatus};

use crate::d1::{AnyStatement, Call, Cell, Meta, Parameter, Row};
use crate::error::Failure;

use super::errors::of_the_caller;
use super::values::{Cells, bind, cell};

/// The number of rows after which decoding lets other tasks run.
const ROWS_PER_TURN: usize = 256;

/// A call that a thread without the borrows of the caller can run.
pub(super) struct OwnedCall {
    statement: AnyStatement,
    parameters: Vec<Parameter<'static>>,
    limit: usize,
}

/// The counts and rows of a call that has run.
pub(super) struct Ran {
    pub(super) meta: Meta,
    pub(super) rows: OwnedRows,
}

impl OwnedCall {
    pub(super) fn new(call: &Call<'_>) -> Self {
        Self {
            statement: call.statement.clone(),
            parameters: call.parameters.iter().map(Parameter::to_static).collect(),
            limit: call.limit,
        }
    }

    pub(super) fn run(&self, connection: &Connection) -> Result<Ran, Failure> {
        let Self {
            statement,
            parameters,
            limit,
        } = self;
        let changes_before = connection.total_changes();
        let mut rows = OwnedRows {
            needs_names: statement.needs_names(),
            names: Vec::new(),
            rows: Vec::new(),
        };
        let mut meta = read(connection, statement, parameters, *limit, &mut rows)?;

        if !statement.reads_only() {
            // As on D1, this includes the rows that triggers and foreign key actions change.
            meta.changes = connection.total_changes() - changes_before;
            meta.rows_written = Some(meta.changes);
            meta.last_row_id = connection.last_insert_rowid();
        }
        Ok(Ran { meta, rows })
    }
}

/// Receives the result of a statement from [`read`].
pub(super) trait Sink {
    /// Receives the columns, before the first row.
    fn columns(&mut self, prepared: &Prepared<'_>) -> Result<(), Failure>;
    fn row(&mut self, row: &rusqlite::Row<'_>, number: usize) -> Result<(), Failure>;
}

/// Decodes each row at once.
pub(super) struct Decoding<'c> {
    pub(super) call: Call<'c>,
    pub(super) order: Option<Box<[usize]>>,
}

impl Sink for Decoding<'_> {
    fn columns(&mut self, prepared: &Prepared<'_>) -> Result<(), Failure> {
        if self.call.statement.needs_names() {
            self.order = self.call.statement.order(prepared.column_names())?;
        }
        Ok(())
    }

    fn row(&mut self, row: &rusqlite::Row<'_>, number: usize) -> Result<(), Failure> {
        let columns = self.call.statement.columns();
        let order = self.order.as_deref();
        let mut row = Row::new(Cells::Row(row), columns, order, number);
        Ok(self.call.rows.row(&mut row)?)
    }
}

/// Rows that are decoded after their statement has ended. Decoding runs code of the user, which
/// must not hold a connection or a transaction.
pub(super) struct OwnedRows {
    needs_names: bool,
    names: Vec<String>,
    rows: Vec<Vec<Cell<'static>>>,
}

impl Sink for OwnedRows {
    fn columns(&mut self, prepared: &Prepared<'_>) -> Result<(), Failure> {
        if self.needs_names {
            self.names = prepared.column_names().map(str::to_owned).collect();
        }
        Ok(())
    }

    fn row(&mut self, row: &rusqlite::Row<'_>, _: usize) -> Result<(), Failure> {
        let count = AsRef::<Prepared<'_>>::as_ref(row).column_count();
        let cells = (0..count).map(|index| Ok(cell(row.get_ref(index)?).into_static()));
        self.rows.push(cells.collect::<rusqlite::Result<_>>()?);
        Ok(())
    }
}

impl OwnedRows {
    /// Passes the rows to the sink of the call. If it `holds` the thread, nothing else runs
    /// meanwhile.
    pub(super) async fn decode(self, call: Call<'_>, holds: bool) -> Result<(), Failure> {
        let Call {
            statement, rows, ..
        } = call;
        let order = statement.order(self.names.iter().map(String::as_str))?;
        for (index, cells) in self.rows.iter().enumerate() {
            if !holds && index % ROWS_PER_TURN == ROWS_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
            let cells = Cells::Values(cells);
            let mut row = Row::new(cells, statement.columns(), order.as_deref(), index + 1);
            rows.row(&mut row)?;
        }
        Ok(())
    }
}

/// Runs one statement and passes up to `limit` rows to `sink`. Returns what SQLite counted.
pub(super) fn read(
    connection: &Connection,
    statement: &AnyStatement,
    parameters: &[Parameter<'_>],
    limit: usize,
    sink: &mut impl Sink,
) -> Result<Meta, Failure> {
    let reads_only = statement.reads_only();
    if !statement.is_unchecked() {
        let mut prepared = connection.prepare_cached(statement.sql())?;
        return read_prepared(&mut prepared, parameters, limit, reads_only, sink);
    }

    // Not cached: many different texts would drive generated statements out of the cache.
    let prepared = connection.prepare(statement.sql()).map_err(Failure::from);
    let result = prepared
        .and_then(|mut prepared| read_prepared(&mut prepared, parameters, limit, reads_only, sink));
    result.map_err(of_the_caller)
}

fn read_prepared(
    prepared: &mut Prepared<'_>,
    parameters: &[Parameter<'_>],
    limit: usize,
    reads_only: bool,
    sink: &mut impl Sink,
) -> Result<Meta, Failure> {
    bind(prepared, parameters)?;
    prepared.reset_status(StatementStatus::FullscanStep);
    let started = Instant::now();

    let mut rows = prepared.raw_query();
    let mut number = 0;
    while let Some(row) = rows.next()? {
        number += 1;
        if number == 1 {
            // The first step can compile the statement again, for another schema.
            sink.columns(row.as_ref())?;
        }
        if number <= limit {
            sink.row(row, number)?;
        }
        // A statement that writes, or whose rows are not wanted at all, has to run to its end.
        if number >= limit && limit > 0 && reads_only {
            break;
        }
    }
    drop(rows);

    if number == 0 {
        sink.columns(prepared)?;
    }
    Ok(Meta {
        rows_read: Some(rows_read(prepared, number)),
        rows_written: Some(0),
        duration: Some(started.elapsed()),
        attempts: Some(1),
        is_primary: Some(true),
        ..Meta::default()
    })
}

/// The rows that a statement has read, at least. SQLite counts the steps of full scans, which are
/// those that cost, but not those of searches in an index.
pub(super) fn rows_read(prepared: &Prepared<'_>, returned: usize) -> u64 {
    let steps = prepared.reset_status(StatementStatus::FullscanStep);
    // The first row of a scan is not a step.
    let scanned = u64::try_from(steps).unwrap_or(0);
    let scanned = if scanned > 0 { scanned + 1 } else { 0 };
    scanned.max(returned as u64)
}
