//! D1 on Workers.
//!
//! `raw()` returns each row as an array. `all()` returns objects, which is slower, and the counts
//! that observers and writes need. In both cases the rows are passed to Wasm as one JSON text and
//! decoded from it, which is faster than a call into JavaScript for each value. A BLOB, which D1
//! returns as an array of numbers, is passed as bytes.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use js_sys::{Array, Reflect, Uint8Array};
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use wasm_bindgen::{JsCast, JsValue};

use crate::d1::query::RowSink;
use crate::d1::{AnyStatement, Call, Cell, Detail, Meta, Parameter, Row, kind_of_message};
use crate::error::{Constraint, ErrorKind, Failure};

use super::js::{Handle, call as call_js, call_async, get, object, send, stringify};

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

    /// The platform answers later, so nothing runs on the thread of the caller.
    #[expect(clippy::unused_self, reason = "the native backend needs it")]
    pub(crate) fn try_run(&self, _: Call<'_>) -> Option<Result<Meta, Failure>> {
        None
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
            let statement = self.prepare(&call)?;
            let is_unchecked = call.statement.is_unchecked();
            let classify = |failure| classify(failure, is_unchecked);
            let needs_names = call.statement.needs_names();
            if call.detail > Detail::Nothing && !needs_names {
                let result = call_async(&statement, "all", &[]).await;
                return read_result(&result.map_err(classify)?, call);
            }

            // Only `raw()` returns each of several columns with one name, and it has no counts.
            let options = object(&[("columnNames", needs_names.into())]);
            let rows = call_async(&statement, "raw", &[options]).await;
            read_rows(&rows.map_err(classify)?, call)?;
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
        let sql = JsValue::from_str(call.statement.sql());
        let statement = call_js(self.object.value(), "prepare", &[sql])?;
        if call.parameters.is_empty() {
            return Ok(statement);
        }

        let parameters: Vec<JsValue> = call.parameters.iter().map(js_value).collect();
        call_js(&statement, "bind", &parameters)
    }
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
    let number = |name: &str| get(&meta, name).as_f64();
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
        meta_of.duration = number("duration").map(|ms| Duration::from_secs_f64(ms.max(0.0) / 1e3));
        meta_of.size_after = count("size_after");
        meta_of.attempts = number("total_attempts").map(|attempts| attempts as u32);
        meta_of.region = get(&meta, "served_by_region").as_string();
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
    Failure {
        kind: ErrorKind::Decode,
        ..failure
    }
}

/// Passes each row of an array to the sink of the call.
fn read_rows(rows: &JsValue, call: Call<'_>) -> Result<(), Failure> {
    let mut blobs = take_blobs(rows, call.statement.blobs());
    let Some(json) = stringify(rows) else {
        let message = "the rows are not valid JSON";
        return Err(Failure::new(ErrorKind::Decode, message));
    };

    let mut failure = None;
    let seed = RowsSeed {
        sink: call.rows,
        limit: call.limit,
        statement: call.statement,
        blobs: &mut blobs,
        failure: &mut failure,
    };
    let decoded = seed.deserialize(&mut serde_json::Deserializer::from_str(&json));
    match failure {
        Some(failure) => Err(failure),
        None => decoded.map_err(|error| {
            let message = "the rows are not arrays of values";
            Failure::because(ErrorKind::Decode, message, error)
        }),
    }
}

/// Takes the BLOBs in some columns out of an array of rows, row by row. `true`, which D1 does not
/// return, marks their places.
fn take_blobs(rows: &JsValue, columns: &[usize]) -> VecDeque<Vec<u8>> {
    let mut blobs = VecDeque::new();
    let Some(rows) = rows.dyn_ref::<Array>().filter(|_| !columns.is_empty()) else {
        return blobs;
    };
    for row in rows.iter() {
        for column in columns {
            let index = JsValue::from_f64(*column as f64);
            let cell = Reflect::get(&row, &index).unwrap_or_default();
            if Array::is_array(&cell) && Reflect::set(&row, &index, &JsValue::TRUE).is_ok() {
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
    let Failure {
        kind,
        message: full,
        ..
    } = &failure;
    let message = full.strip_prefix("D1_ERROR: ").unwrap_or(full);
    let end = message.find(": SQLITE_").unwrap_or(message.len());
    let message = message[..end].to_owned();

    let has = |part: &str| message.contains(part);
    let kind = if has("UNIQUE constraint failed") || has("PRIMARY KEY") {
        ErrorKind::Constraint(Constraint::Unique)
    } else if has("NOT NULL constraint failed") {
        ErrorKind::Constraint(Constraint::NotNull)
    } else if has("FOREIGN KEY constraint failed") {
        ErrorKind::Constraint(Constraint::ForeignKey)
    } else if has("CHECK constraint failed") {
        ErrorKind::Constraint(Constraint::Check)
    } else if has("cannot store") {
        ErrorKind::Constraint(Constraint::DataType)
    } else if full.contains("SQLITE_CONSTRAINT") {
        ErrorKind::Constraint(Constraint::Other)
    } else if let Some(kind) = kind_of_message(&message) {
        kind
    } else if has("string or blob too big") {
        ErrorKind::TooLarge
    } else if message.starts_with("To execute a transaction, please use") {
        // BEGIN, COMMIT, SAVEPOINT and so on.
        ErrorKind::Denied
    } else if is_unchecked && *kind == ErrorKind::Internal && full.ends_with(": SQLITE_ERROR") {
        ErrorKind::InvalidArgument
    } else {
        *kind
    };
    Failure {
        kind,
        message,
        ..failure
    }
}

/// Decodes the array of rows.
struct RowsSeed<'s> {
    sink: &'s mut dyn RowSink,
    limit: usize,
    statement: &'s AnyStatement,
    /// The BLOBs that the rows mark.
    blobs: &'s mut VecDeque<Vec<u8>>,
    /// The first error of the rows. It is not an error of the JSON.
    failure: &'s mut Option<Failure>,
}

impl RowsSeed<'_> {
    /// Finds the columns of the row type. After an error the rows are skipped.
    fn order(&mut self, names: &[String]) -> Option<Box<[usize]>> {
        match self.statement.order(names.iter().map(String::as_str)) {
            Ok(order) => order,
            Err(failure) => {
                *self.failure = Some(failure);
                None
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for RowsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut rows: A) -> Result<(), A::Error> {
        let order = if self.statement.needs_names() {
            let names: Option<Vec<String>> = rows.next_element()?;
            names.and_then(|names| self.order(&names))
        } else {
            None
        };

        let columns = self.statement.columns();
        let mut cells: Vec<Cell<'de>> = Vec::with_capacity(columns.len());
        let mut number = 0;
        loop {
            let row = RowSeed {
                cells: &mut cells,
                blobs: self.blobs,
            };
            if rows.next_element_seed(row)?.is_none() {
                return Ok(());
            }
            number += 1;
            // serde_json requires that the array is read to its end.
            if self.failure.is_some() || number > self.limit {
                continue;
            }

            let mut row = Row::new(Cells(&cells), columns, order.as_deref(), number);
            *self.failure = self.sink.row(&mut row).err().map(Failure::from);
        }
    }
}

/// Decodes one row, an array of values, into a buffer that the rows share.
struct RowSeed<'c, 'de> {
    cells: &'c mut Vec<Cell<'de>>,
    blobs: &'c mut VecDeque<Vec<u8>>,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<(), A::Error> {
        self.cells.clear();
        while let Some(cell) = row.next_element_seed(CellSeed(self.blobs))? {
            self.cells.push(cell);
        }
        Ok(())
    }
}

/// Decodes one value, which can be the mark of a BLOB.
struct CellSeed<'b>(&'b mut VecDeque<Vec<u8>>);

impl<'de> DeserializeSeed<'de> for CellSeed<'_> {
    type Value = Cell<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cell<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed<'_> {
    type Value = Cell<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the value of a column")
    }

    fn visit_unit<E>(self) -> Result<Cell<'de>, E> {
        Ok(Cell::Null)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Cell<'de>, E> {
        Ok(Cell::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Cell<'de>, E> {
        // A JavaScript number above the range of i64 is not exact anyway.
        Ok(i64::try_from(value).map_or(Cell::Real(value as f64), Cell::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Cell<'de>, E> {
        Ok(Cell::Real(value))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Cell<'de>, E> {
        let blob = self.0.pop_front().filter(|_| value);
        Ok(blob.map_or(Cell::Integer(value.into()), |blob| Cell::Blob(blob.into())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Owned(value.to_owned())))
    }

    /// D1 returns a BLOB as an array of its bytes. This one is in a column that should have none.
    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Cell<'de>, A::Error> {
        let mut blob = Vec::with_capacity(bytes.size_hint().unwrap_or(0));
        while let Some(byte) = bytes.next_element::<u8>()? {
            blob.push(byte);
        }
        Ok(Cell::Blob(Cow::Owned(blob)))
    }
}

/// The values of one row.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a>(&'a [Cell<'a>]);

impl<'a> Cells<'a> {
    /// Returns the value of the column at `index`, from 0.
    pub(crate) fn cell(&self, index: usize) -> Result<Cell<'a>, String> {
        let cell = self.0.get(index).map(Cell::by_ref);
        cell.ok_or_else(|| "there is no such column".to_owned())
    }
}
