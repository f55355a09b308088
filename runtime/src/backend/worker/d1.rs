//! D1 on Workers.
//!
//! `raw()` returns each row as an array. `all()` returns objects, which is slower, and the counts
//! that observers and writes need. In both cases the rows are passed to Wasm as one JSON text and
//! decoded from it, which is faster than a call into JavaScript for each value. A BLOB, which D1
//! returns as an array of numbers, is passed as bytes.

use std::collections::VecDeque;
use std::time::Duration;

use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::d1::scan::Scanner;
use crate::d1::{Call, Cell, Detail, Meta, Parameter, Row, kind_of_message};
use crate::error::{Constraint, ErrorKind, Failure};
use crate::json::text::Malformed;

use super::js::{
    Handle, call as call_js, call_async, failure, get, get_number, get_text, kind_of_text, outcome,
    send, stringify,
};
use super::platform;

#[derive(Debug, Clone)]
pub(crate) struct D1 {
    /// The database, or its session.
    object: Handle,
    /// The database of a session, which starts other sessions.
    database: Option<Handle>,
}

impl D1 {
    pub(super) fn new(object: Handle) -> Self {
        Self {
            object,
            database: None,
        }
    }

    /// The same database in a session, whose object has the same methods.
    pub(crate) fn session(&self, start: &str) -> Result<Self, Failure> {
        let database = self.database.as_ref().unwrap_or(&self.object);
        let session = call_js(database.value(), "withSession", &[start.into()])?;
        Ok(Self {
            object: Handle::new(session),
            database: Some(database.clone()),
        })
    }

    pub(crate) fn bookmark(&self) -> Option<String> {
        let bookmark = call_js(self.object.value(), "getBookmark", &[]).ok()?;
        bookmark.as_string()
    }

    pub(crate) async fn run(&self, call: Call<'_>) -> Result<Meta, Failure> {
        send(async {
            let is_unchecked = call.statement.is_unchecked();
            let classify = |failure| classify(failure, is_unchecked);
            let needs_names = call.statement.needs_names();
            if call.detail > Detail::Nothing && !needs_names {
                let result = call_async(&self.prepare(&call)?, "all", &[]).await;
                return read_result(&result.map_err(classify)?, call);
            }

            // Only `raw()` returns each of several columns with one name, and it has no counts.
            let (sql, parameters) = (call.statement.sql(), js_values(call.parameters));
            let rows = platform::query_raw(self.object.value(), sql, parameters, needs_names);
            read_rows(&outcome(rows).await.map_err(classify)?, call)?;
            Ok(Meta::default())
        })
        .await
    }

    pub(crate) async fn batch(&self, calls: &mut [Call<'_>]) -> Result<Vec<Meta>, Failure> {
        send(async {
            let statements = Array::new();
            for (index, call) in calls.iter().enumerate() {
                let statement = self.prepare(call).map_err(|failure| failure.at(index))?;
                statements.push(&statement);
            }

            let is_unchecked = calls.iter().any(|call| call.statement.is_unchecked());
            let results = call_async(self.object.value(), "batch", &[statements.into()]).await;
            let results = results.map_err(|failure| classify(failure, is_unchecked))?;
            let results = results.dyn_ref::<Array>();
            let results = results.filter(|results| results.length() as usize == calls.len());
            let Some(results) = results else {
                // The batch has run.
                let message = "the batch did not return one result for each query";
                return Err(Failure::new(ErrorKind::Decode, message));
            };

            let mut metas = Vec::with_capacity(calls.len());
            for (index, (call, result)) in calls.iter_mut().zip(results.iter()).enumerate() {
                let meta = read_result(&result, call.reborrow());
                metas.push(meta.map_err(|failure| failure.at(index))?);
            }
            Ok(metas)
        })
        .await
    }

    /// Prepares a statement and binds its parameters.
    fn prepare(&self, call: &Call<'_>) -> Result<JsValue, Failure> {
        let (sql, parameters) = (call.statement.sql(), js_values(call.parameters));
        let prepared = platform::prepare(self.object.value(), sql, parameters);
        prepared.map_err(|error| failure(&error))
    }
}

fn js_values(parameters: &[Parameter<'_>]) -> Vec<JsValue> {
    parameters.iter().map(js_value).collect()
}

fn js_value(parameter: &Parameter<'_>) -> JsValue {
    match parameter {
        // The caller has reported refused parameters.
        Parameter::Null | Parameter::Refused(_) => JsValue::NULL,
        // The caller has checked that the value is at most 2^53 - 1, so the conversion is exact.
        Parameter::Integer(value) => JsValue::from_f64(*value as f64),
        Parameter::Real(value) => JsValue::from_f64(*value),
        Parameter::Text(text) => JsValue::from_str(text),
        Parameter::Blob(bytes) => Uint8Array::from(&**bytes).into(),
    }
}

/// Reads the rows and counts of a result of `all()` or `batch()`.
fn read_result(result: &JsValue, call: Call<'_>) -> Result<Meta, Failure> {
    let (reads_only, detail) = (call.statement.reads_only(), call.detail);
    if !call.statement.columns().is_empty() {
        let rows = get(result, "results");
        let rows = rows_as_arrays(&rows, call.statement.needs_names()).map_err(undecodable)?;
        read_rows(&rows, call)?;
    }

    let meta = get(result, "meta");
    let number = |name: &str| get_number(&meta, name);
    let count = |name: &str| number(name).map(|value| value as u64);
    let (changes, last_row_id) = match reads_only {
        true => (None, None),
        false => (count("changes"), number("last_row_id")),
    };
    let mut meta_of = Meta {
        rows_read: count("rows_read"),
        rows_written: count("rows_written"),
        changes: changes.unwrap_or_default(),
        last_row_id: last_row_id.unwrap_or_default() as i64,
        ..Meta::default()
    };
    if detail == Detail::Everything {
        let duration = number("duration").map(|ms| Duration::try_from_secs_f64(ms / 1e3));
        meta_of.duration = duration.and_then(Result::ok);
        meta_of.size_after = count("size_after");
        meta_of.attempts = number("total_attempts").map(|attempts| attempts as u32);
        meta_of.region = get_text(&meta, "served_by_region");
        meta_of.is_primary = get(&meta, "served_by_primary").as_bool();
    }
    Ok(meta_of)
}

/// Converts an array of objects to an array of arrays, as `raw()` returns it. The names of the
/// columns come first if they are needed and there is a row.
///
/// The properties of a generated statement are in the order of its columns: the compiler rejects
/// column names, such as integers, that JavaScript would put in another order.
fn rows_as_arrays(objects: &JsValue, needs_names: bool) -> Result<JsValue, Failure> {
    let object = get(&js_sys::global(), "Object");
    let rows = call_js(objects, "map", &[get(&object, "values")])?;
    let first = get(objects, "0");
    if !needs_names || first.is_undefined() {
        return Ok(rows);
    }
    let names = call_js(&object, "keys", &[first])?;
    call_js(&Array::of(&[names]), "concat", &[rows])
}

/// The failure of a statement that has run: its result has another form than D1 documents.
fn undecodable(failure: Failure) -> Failure {
    failure.of_kind(ErrorKind::Decode)
}

/// Passes each row of an array to the sink of the call.
fn read_rows(rows: &JsValue, call: Call<'_>) -> Result<(), Failure> {
    let mut blobs = take_blobs(rows, call.statement.blobs());
    let Some(json) = stringify(rows) else {
        let message = "the rows are not valid JSON";
        return Err(Failure::new(ErrorKind::Decode, message));
    };

    let malformed = |_: Malformed| {
        let message = "the rows are not arrays of values";
        Failure::new(ErrorKind::Decode, message)
    };
    let mut scanner = Scanner::new(&json).map_err(malformed)?;
    let columns = call.statement.columns();
    let mut cells = Vec::with_capacity(columns.len());
    let mut order = None;
    if call.statement.needs_names() {
        if !scanner.row(&mut cells, &mut blobs).map_err(malformed)? {
            return Ok(());
        }
        let names = cells.iter().map(|name| match name {
            Cell::Text(name) => &**name,
            _ => "",
        });
        order = call.statement.order(names)?;
    }

    for number in 1..=call.limit {
        if !scanner.row(&mut cells, &mut blobs).map_err(malformed)? {
            break;
        }
        let mut row = Row::new(Cells(&cells), columns, order.as_deref(), number);
        call.rows.row(&mut row)?;
    }
    Ok(())
}

/// Takes the BLOBs in some columns out of an array of rows, row by row: arrays of numbers, or array
/// buffers in an object. `true`, which D1 does not return, marks their places.
fn take_blobs(rows: &JsValue, columns: &[usize]) -> VecDeque<Vec<u8>> {
    let mut blobs = VecDeque::new();
    let Some(rows) = rows.dyn_ref::<Array>().filter(|_| !columns.is_empty()) else {
        return blobs;
    };
    for row in rows.iter() {
        for column in columns {
            let index = JsValue::from_f64(*column as f64);
            let cell = Reflect::get(&row, &index).unwrap_or_default();
            if cell.is_object() && Reflect::set(&row, &index, &JsValue::TRUE).is_ok() {
                blobs.push_back(Uint8Array::new(&cell).to_vec());
            }
        }
    }
    blobs
}

/// Refines the kind of a failure, and reduces its message to that of SQLite. An unchecked statement
/// has its SQL from the caller.
///
/// The messages of D1 are `D1_ERROR: <message of SQLite>: SQLITE_X (extended: SQLITE_Y)`.
fn classify(failure: Failure, is_unchecked: bool) -> Failure {
    const CONSTRAINTS: [(&str, ErrorKind); 6] = [
        (
            "UNIQUE constraint failed",
            ErrorKind::Constraint(Constraint::Unique),
        ),
        ("PRIMARY KEY", ErrorKind::Constraint(Constraint::Unique)),
        (
            "NOT NULL constraint failed",
            ErrorKind::Constraint(Constraint::NotNull),
        ),
        (
            "FOREIGN KEY constraint failed",
            ErrorKind::Constraint(Constraint::ForeignKey),
        ),
        (
            "CHECK constraint failed",
            ErrorKind::Constraint(Constraint::Check),
        ),
        ("cannot store", ErrorKind::Constraint(Constraint::DataType)),
    ];
    const OTHERS: [(&str, ErrorKind); 2] = [
        ("string or blob too big", ErrorKind::TooLarge),
        // BEGIN, COMMIT, SAVEPOINT and so on.
        ("To execute a transaction, please use", ErrorKind::Denied),
    ];

    let full = &failure.message;
    let message = full.strip_prefix("D1_ERROR: ").unwrap_or(full);
    let (message, code) = match message.find(": SQLITE_") {
        Some(end) => message.split_at(end),
        None => (message, ""),
    };
    let kind = if let Some(kind) = kind_of_text(message, &CONSTRAINTS) {
        kind
    } else if code.contains("SQLITE_CONSTRAINT") {
        ErrorKind::Constraint(Constraint::Other)
    } else if let Some(kind) = kind_of_message(message).or(kind_of_text(message, &OTHERS)) {
        kind
    } else if is_unchecked && failure.kind == ErrorKind::Internal && code == ": SQLITE_ERROR" {
        ErrorKind::InvalidArgument
    } else {
        failure.kind
    };
    let message = message.to_owned();
    failure.of_kind(kind).saying(message)
}

/// The values of one row.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a>(&'a [Cell<'a>]);

impl<'a> Cells<'a> {
    /// The values of a row that was stored.
    #[cfg(feature = "query-cache")]
    pub(crate) fn of(cells: &'a [Cell<'static>]) -> Self {
        Self(cells)
    }

    /// Returns the value of the column at `index`, from 0.
    pub(crate) fn cell(&self, index: usize) -> Result<Cell<'a>, String> {
        let cell = self.0.get(index).map(Cell::by_ref);
        cell.ok_or_else(|| "there is no such column".to_owned())
    }
}
