//! D1 on the platform.
//!
//! `raw()` gives rows as arrays, as D1 has them; `all()` makes objects of them, and has the counts
//! that observers and writes want. Either way the rows cross into Wasm as one JSON text, which is
//! decoded value by value into the row types: that is faster than a call into JavaScript for each.

use std::borrow::Cow;
use std::fmt;

use js_sys::{Array, Uint8Array};
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use wasm_bindgen::{JsCast, JsValue};

use crate::d1::query::RowSink;
use crate::d1::{Call, Cell, Cells, Meta, Parameter, Row};
use crate::error::{Constraint, ErrorKind, Failure};

use super::js::{Handle, call as call_js, call_async, get, send, stringify};

#[derive(Debug, Clone)]
pub struct D1(pub(super) Handle);

impl D1 {
    pub(crate) async fn run(&self, call: Call<'_>) -> Result<Meta, Failure> {
        send(async {
            let statement = self.bound(&call)?;
            if call.wants_meta {
                let result = call_async(&statement, "all", &[]).await.map_err(refined)?;
                return read(&result, call);
            }
            let rows = call_async(&statement, "raw", &[]).await.map_err(refined)?;
            read_rows(&rows, call)?;
            Ok(Meta::default())
        })
        .await
    }

    pub(crate) async fn batch(&self, calls: &mut [Call<'_>]) -> Result<Vec<Meta>, Failure> {
        send(async {
            let statements = calls
                .iter()
                .map(|call| self.bound(call))
                .collect::<Result<Array, _>>()?;
            let results = call_async(self.0.value(), "batch", &[statements.into()])
                .await
                .map_err(refined)?;
            let Some(results) = results.dyn_ref::<Array>() else {
                return Err(Failure::new(
                    ErrorKind::Internal,
                    "the batch gave no results",
                ));
            };
            calls
                .iter_mut()
                .zip(results.iter())
                .map(|(call, result)| {
                    let Call {
                        statement,
                        parameters,
                        rows,
                        wants_meta,
                    } = call;
                    read(
                        &result,
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
        .await
    }

    fn bound(&self, query: &Call<'_>) -> Result<JsValue, Failure> {
        let statement = call_js(
            self.0.value(),
            "prepare",
            &[JsValue::from_str(query.statement.sql)],
        )?;
        if query.parameters.is_empty() {
            return Ok(statement);
        }
        let parameters: Vec<JsValue> = query.parameters.iter().map(js_value).collect();
        call_js(&statement, "bind", &parameters)
    }
}

fn js_value(parameter: &Parameter<'_>) -> JsValue {
    match parameter {
        // What is refused never comes here: it is checked before.
        Parameter::Null | Parameter::Refused(_) => JsValue::NULL,
        // Within 2^53 - 1, as was checked.
        Parameter::Integer(value) => JsValue::from_f64(*value as f64),
        Parameter::Real(value) => JsValue::from_f64(*value),
        Parameter::Text(text) => JsValue::from_str(text),
        Parameter::Blob(bytes) => Uint8Array::from(&**bytes).into(),
    }
}

fn read(result: &JsValue, call: Call<'_>) -> Result<Meta, Failure> {
    if !call.statement.columns.is_empty() {
        read_rows(&values(&get(result, "results"))?, call)?;
    }
    let meta = get(result, "meta");
    let number = |name: &str| get(&meta, name).as_f64();
    let count = |name: &str| number(name).map(|value| value as u64);
    Ok(Meta {
        rows_read: count("rows_read"),
        rows_written: count("rows_written"),
        changes: count("changes").unwrap_or_default(),
        last_row_id: number("last_row_id").unwrap_or_default() as i64,
    })
}

/// An array of objects as an array of arrays. The keys stand in the order of the columns: the compiler
/// has refused names that JavaScript would put in another order.
fn values(objects: &JsValue) -> Result<JsValue, Failure> {
    let values = get(&get(&js_sys::global(), "Object"), "values");
    call_js(objects, "map", &[values])
}

fn read_rows(rows: &JsValue, call: Call<'_>) -> Result<(), Failure> {
    let json =
        stringify(rows).ok_or_else(|| Failure::new(ErrorKind::Internal, "the rows are no JSON"))?;
    let mut failure = None;
    let seed = RowsSeed {
        call: call.rows,
        columns: call.statement.columns,
        failure: &mut failure,
    };
    let decoded = seed.deserialize(&mut serde_json::Deserializer::from_str(&json));
    match failure {
        Some(failure) => Err(failure),
        None => decoded.map_err(|error| {
            Failure::because(ErrorKind::Decode, "the rows are not as expected", error)
        }),
    }
}

/// D1's errors are `D1_ERROR: <SQLite's words>: SQLITE_X (extended: SQLITE_Y)`; the words alone are kept.
fn refined(failure: Failure) -> Failure {
    let Failure {
        kind,
        message,
        source,
    } = failure;
    let words = message.strip_prefix("D1_ERROR: ").unwrap_or(&message);
    let end = words.find(": SQLITE_").unwrap_or(words.len());
    let words = words[..end].to_owned();
    let has = |part: &str| words.contains(part);
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
    } else if message.contains("SQLITE_CONSTRAINT") {
        ErrorKind::Constraint(Constraint::Other)
    } else if has("string or blob too big") {
        ErrorKind::TooLarge
    } else {
        kind
    };
    Failure {
        kind,
        message: words,
        source,
    }
}

/// The array of rows.
struct RowsSeed<'s> {
    call: &'s mut dyn RowSink,
    columns: &'static [&'static str],
    failure: &'s mut Option<Failure>,
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut cells: Vec<Cell<'de>> = Vec::with_capacity(self.columns.len());
        let mut number = 0;
        while rows.next_element_seed(RowSeed(&mut cells))?.is_some() {
            number += 1;
            if self.failure.is_some() || self.call.is_full() {
                continue;
            }
            let source = JsonRow(&cells);
            if let Err(error) = self.call.row(&mut Row::new(&source, self.columns, number)) {
                *self.failure = Some(Failure::because(
                    ErrorKind::Decode,
                    error.to_string(),
                    error,
                ));
            }
        }
        Ok(())
    }
}

/// One row: an array of its values.
struct RowSeed<'c, 'de>(&'c mut Vec<Cell<'de>>);

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
        self.0.clear();
        while let Some(cell) = row.next_element_seed(CellSeed)? {
            self.0.push(cell);
        }
        Ok(())
    }
}

struct CellSeed;

impl<'de> DeserializeSeed<'de> for CellSeed {
    type Value = Cell<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cell<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed {
    type Value = Cell<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of a column")
    }

    fn visit_unit<E>(self) -> Result<Cell<'de>, E> {
        Ok(Cell::Null)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Cell<'de>, E> {
        Ok(Cell::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Cell<'de>, E> {
        // Beyond i64 it is beyond what is exact, too.
        Ok(i64::try_from(value).map_or(Cell::Real(value as f64), Cell::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Cell<'de>, E> {
        Ok(Cell::Real(value))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Cell<'de>, E> {
        Ok(Cell::Integer(i64::from(value)))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Owned(value.to_owned())))
    }

    /// D1 gives a blob as an array of its bytes.
    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Cell<'de>, A::Error> {
        let mut blob = Vec::with_capacity(bytes.size_hint().unwrap_or(0));
        while let Some(byte) = bytes.next_element::<u8>()? {
            blob.push(byte);
        }
        Ok(Cell::Blob(Cow::Owned(blob)))
    }
}

struct JsonRow<'c, 'de>(&'c [Cell<'de>]);

impl Cells for JsonRow<'_, '_> {
    fn cell(&self, index: usize) -> Result<Cell<'_>, String> {
        match self.0.get(index) {
            None => Err("the row has no such column".to_owned()),
            Some(Cell::Null) => Ok(Cell::Null),
            Some(Cell::Integer(value)) => Ok(Cell::Integer(*value)),
            Some(Cell::Real(value)) => Ok(Cell::Real(*value)),
            Some(Cell::Text(text)) => Ok(Cell::Text(Cow::Borrowed(text))),
            Some(Cell::Blob(bytes)) => Ok(Cell::Blob(Cow::Borrowed(bytes))),
        }
    }
}
