//! Pipelines: records that are taken in and kept elsewhere.
//!
//! <https://developers.cloudflare.com/pipelines/>

use futures_util::future::BoxFuture;
use serde::Serialize;

use super::connect_object;
use crate::backend;
use crate::error::Result;
use crate::limits;
use crate::observe::{Gate, Measures};
use crate::raw::encode;

/// A stream that takes records. Natively they are lines of JSON in the state's folder.
#[derive(Debug, Clone)]
pub struct Pipeline {
    gate: Gate,
    backend: backend::Object,
}

connect_object!(Pipeline, Pipeline);

impl Pipeline {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Sends records: JSON objects of at most 1 MB together.
    ///
    /// # Errors
    /// `TooLarge` for more; `InvalidArgument` for a record that is no JSON.
    ///
    /// # Examples
    /// ```
    /// # async fn f(events: &bindery::pipeline::Pipeline) -> bindery::Result<()> {
    /// events.send(&[serde_json::json!({ "user": "ann", "clicked": 3 })]).await?;
    /// # Ok(()) }
    /// ```
    pub fn send<T: Serialize>(&self, records: &[T]) -> BoxFuture<'_, Result<()>> {
        let (encoded, count) = (encode(records), records.len() as u64);
        Box::pin(async move {
            let work = async {
                let records = encoded?;
                let bytes = records.to_string().len();
                limits::bytes(
                    "the records",
                    bytes,
                    limits::pipeline::BYTES,
                    limits::pipeline::PAGE,
                )?;
                self.backend.call("send", &[records]).await?;
                Ok((
                    (),
                    Measures {
                        count: Some(count),
                        bytes: Some(bytes as u64),
                        ..Measures::default()
                    },
                ))
            };
            self.gate.pass("send", None, work).await
        })
    }
}
