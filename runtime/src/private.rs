//! The items that generated code uses. They are not part of the public API and can change in any
//! release.

pub use std::collections::BTreeMap;
pub use std::string::String;
pub use std::vec::Vec;

pub use futures_util::future::{BoxFuture, LocalBoxFuture};
pub use serde;
pub use serde_json;

pub use crate::app::tail::TailHandler;
pub use crate::app::{
    Connector, Consumer, Content, Days, Environment, EnvironmentManifest, FetchHandler, Manifest,
    QueueHandler, Resource, Schedule, ScheduledHandler, StartHandler, Weekdays, no_schedule,
    of_queue,
};
pub use crate::backend::Backend;
pub use crate::bindings::key::{Binding, KeyField, KeyPart, NameReader, Named};
pub use crate::bindings::kind::Connect;
pub use crate::d1::Parameter;
#[cfg(feature = "email")]
pub use crate::email::EmailHandler;
pub use crate::http::IntoResponse;
pub use crate::kv::KeyOf;
pub use crate::log::{print, print_error};
pub use crate::queue::{Content as MessageContent, MessageOf, RawBatch, json_content};
pub use crate::r2::KeyOf as ObjectKeyOf;

#[cfg(all(target_arch = "wasm32", feature = "email"))]
pub use crate::backend::email;
#[cfg(target_arch = "wasm32")]
pub use crate::backend::{
    ExportedObject, ExportedWorkflow, Handle, derive_from_workflow, fetch, queue, scheduled, tail,
};
pub use crate::error::Failure;
#[cfg(target_arch = "wasm32")]
pub use {js_sys, wasm_bindgen, wasm_bindgen_futures, web_sys};

pub use crate::app::{TestOptions, TestOutcome};
pub use crate::backend::test;

use serde::ser::SerializeStruct;

pub use crate::d1::json_type;
pub use crate::d1::list::{
    any_list, blob_list, bytes_list, list, real_list, text_list, value_list,
};
use crate::d1::{Bulk, Cell, D1, FromRow, Pages, Query, Statement, UnknownText};
pub use crate::d1::{Order, OrderType};
pub use bindery_sqlite::template::Piece;

/// Returns a query from its statement and its encoded arguments.
pub fn query<'a, S>(
    database: &'a D1,
    statement: &'static Statement,
    parameters: impl Into<Vec<Parameter<'a>>>,
) -> Query<'a, S> {
    Query::new(database, statement, parameters)
}

/// Returns a query whose text the choices of its arguments determine.
pub fn assembled<'a, S>(
    database: &'a D1,
    statement: &'static Statement,
    pieces: &[Piece<&'static str>],
    choices: &[usize],
    parameters: impl Into<Vec<Parameter<'a>>>,
) -> Query<'a, S> {
    Query::chosen(database, statement, pieces, choices, parameters)
}

/// Returns a query that inserts the rows of a slice. `encode` returns the values of a row.
pub fn bulk<'a, 'r, T, const N: usize>(
    database: &'a D1,
    statement: &'static Statement,
    rows: &'r [T],
    encode: impl Fn(&'r T) -> [Parameter<'r>; N],
) -> Bulk<'a> {
    Bulk::new(database, statement, rows.iter().map(encode))
}

/// Returns the pages of a query.
pub fn pages<'a, T: FromRow + 'static>(
    database: &'a D1,
    statement: &'static Statement,
    pieces: &'static [Piece<&'static str>],
    order: &'static Order,
    choices: &[usize],
    parameters: impl Into<Vec<Parameter<'a>>>,
) -> Pages<'a, T> {
    Pages::new(database, statement, pieces, order, choices, parameters)
}

/// Converts a value to a parameter.
#[must_use]
pub fn value<'a>(value: impl Into<Parameter<'a>>) -> Parameter<'a> {
    value.into()
}

/// Converts a slice that can be absent to one parameter.
pub fn optional<'a, T: ?Sized>(
    items: Option<&T>,
    encode: impl FnOnce(&T) -> Parameter<'a>,
) -> Parameter<'a> {
    items.map_or(Parameter::Null, encode)
}

/// The serializer of a row.
///
/// It holds the first error until [`end`](Self::end), so that the generated code has no branch.
///
/// Its methods are inlined, so that the optimizer sees the name of the struct: `serde_json` reads
/// the fields of one with the name of its `RawValue` with its parser, which is then not linked.
#[allow(missing_debug_implementations)]
pub struct Fields<S: serde::Serializer>(Result<S::SerializeStruct, S::Error>);

impl<S: serde::Serializer> Fields<S> {
    /// Starts a struct with `count` fields.
    #[inline(always)]
    pub fn new(serializer: S, name: &'static str, count: usize) -> Self {
        Self(serializer.serialize_struct(name, count))
    }

    /// Adds a field.
    #[inline(always)]
    #[must_use]
    pub fn field<T: serde::Serialize>(mut self, name: &'static str, value: &T) -> Self {
        if let Ok(fields) = &mut self.0
            && let Err(error) = fields.serialize_field(name, value)
        {
            self.0 = Err(error);
        }
        self
    }

    /// Ends the struct.
    ///
    /// # Errors
    /// The first error of a field.
    #[inline(always)]
    pub fn end(self) -> Result<S::Ok, S::Error> {
        self.0.and_then(SerializeStruct::end)
    }
}

/// Returns the variant of an enum with a text.
///
/// # Errors
/// Fails if no variant has the text.
pub fn parse_text<T: Copy>(
    text: &str,
    variants: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, UnknownText> {
    crate::d1::parse_text(text, variants, as_str)
}

/// Returns the variant of an enum with the text of a cell.
///
/// # Errors
/// The expected and the actual text or type.
pub fn decode_text<T: Copy>(
    cell: Cell<'_>,
    variants: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, String> {
    crate::d1::decode_text(cell, variants, as_str)
}

/// Returns the response of a worker without a fetch handler.
#[must_use]
pub fn no_fetch() -> crate::Response {
    let message = "this worker has no fetch handler";
    let error = crate::Error::worker("fetch", crate::ErrorKind::Unsupported, message);
    error.into_response()
}

/// Fails a batch whose queue has no handler.
///
/// # Errors
/// Always, so that the messages are retried.
pub fn no_queue(batch: &RawBatch) -> crate::Result<()> {
    let message = format!(
        "this worker has no handler for the queue `{}`",
        batch.queue()
    );
    Err(crate::Error::worker(
        "queue",
        crate::ErrorKind::Unsupported,
        message,
    ))
}

/// Measures `calls` reads of one value, for the benchmark: without the gate, and through gates with
/// no, one and three observers.
///
/// # Errors
/// Fails if the store cannot be opened or read.
#[cfg(not(target_arch = "wasm32"))]
pub async fn gate_costs(calls: usize) -> crate::Result<[std::time::Duration; 4]> {
    use crate::backend::Kv;
    use crate::kv::Expiration;
    use crate::observe::{Counts, Event, Gate, Observers};
    use crate::{Error, Service};

    let failed = |failure| Error::located(Service::Kv, "BENCH", "get", None, failure);
    let kv = Kv::in_memory().map_err(failed)?;
    kv.put("key", b"value", Expiration::Never, None)
        .await
        .map_err(failed)?;

    let start = std::time::Instant::now();
    for _ in 0..calls {
        std::hint::black_box(kv.get("key", None).await.map_err(failed)?);
    }
    let mut durations = [start.elapsed(); 4];

    // Each closure has its own type, so none replaces another.
    let observers = std::sync::Arc::<Observers>::default();
    for (index, duration) in durations.iter_mut().enumerate().skip(1) {
        if index == 2 {
            observers.install(|event: &Event<'_>| _ = std::hint::black_box(event.duration));
        }
        if index == 3 {
            observers.install(|event: &Event<'_>| _ = std::hint::black_box(event.operation));
            observers.install(|event: &Event<'_>| _ = std::hint::black_box(event.binding));
        }
        let gate = Gate::new(Service::Kv, "BENCH", std::sync::Arc::clone(&observers));
        let start = std::time::Instant::now();
        for _ in 0..calls {
            let read = async { Ok((kv.get("key", None).await?, Counts::default())) };
            std::hint::black_box(gate.pass("get", None, read).await?);
        }
        *duration = start.elapsed();
    }
    Ok(durations)
}
