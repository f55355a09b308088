//! D1: checked queries, run one by one or as one transaction.
//!
//! A generated method gives a [`Query`]: await it to run it, or hand several to
//! [`D1::batch`]. How values cross is the same on both backends, because it is D1's way: a number
//! goes in as REAL and comes out as a double, so an `i64` is refused, both ways, where a double
//! would lose a bit of it.
//!
//! <https://developers.cloudflare.com/d1/>

mod batch;
mod choice;
#[cfg(feature = "jiff")]
mod dates;
mod decode;
mod encode;
mod json;
pub(crate) mod query;

use futures_util::future::BoxFuture;

use crate::backend::{self, Backend};
use crate::bindings::{BindingKind, Connect};
use crate::error::{ErrorKind, Failure, Result};
use crate::observe::{Gate, Measures};

pub use batch::Batch;
pub use choice::UnknownText;
pub(crate) use choice::{choose, choose_cell};
pub(crate) use decode::Cells;
pub use decode::{Cell, DecodeError, FromColumn, FromRow, Row, Value};
pub use encode::Parameter;
pub(crate) use encode::{check, list, text_list};
pub use json::Json;
#[doc(hidden)]
pub use json::JsonText;
pub(crate) use query::Call;
pub use query::{Changes, Exec, Many, One, Optional, Query, Shape, Statement};

/// A D1 database.
#[derive(Debug, Clone)]
pub struct D1 {
    gate: Gate,
    backend: backend::D1,
}

/// What D1 says of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meta {
    pub(crate) rows_read: Option<u64>,
    pub(crate) rows_written: Option<u64>,
    pub(crate) changes: u64,
    pub(crate) last_row_id: i64,
}

impl Connect for D1 {
    const KIND: BindingKind = BindingKind::D1;

    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String> {
        Ok(Self::new(gate, backend.d1(binding)?))
    }
}

impl D1 {
    pub(crate) fn new(gate: Gate, backend: backend::D1) -> Self {
        Self { gate, backend }
    }

    /// Runs several queries in one round trip and one transaction: all of them are kept, or none.
    ///
    /// Takes a tuple of queries, or a `Vec` of one kind, and gives their results in that order.
    ///
    /// # Errors
    /// The first query that fails; nothing of the batch was kept.
    ///
    /// <https://developers.cloudflare.com/d1/worker-api/d1-database/#batch>
    pub fn batch<'b, B: Batch + 'b>(&'b self, batch: B) -> BoxFuture<'b, Result<B::Output>> {
        let size = batch.len();
        // Boxed, as is every future whose type would hold a type of the caller's: inside a handler that
        // must be `Send`, the compiler cannot prove a trait of such a type for every lifetime.
        Box::pin(async move {
            let work = async {
                if size == 0 {
                    return Err(Failure::new(
                        ErrorKind::InvalidArgument,
                        "the batch has no query",
                    ));
                }
                let (output, metas) = batch.run(&self.backend).await?;
                let sum =
                    |pick: fn(&Meta) -> Option<u64>| metas.iter().map(pick).sum::<Option<u64>>();
                let measures = Measures {
                    rows_read: sum(|meta| meta.rows_read),
                    rows_written: sum(|meta| meta.rows_written),
                    count: Some(size as u64),
                    ..Measures::default()
                };
                Ok((output, measures))
            };
            self.gate.pass("batch", None, work).await
        })
    }
}
