//! Pipelines: streams that ingest records.
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

/// A Pipeline. Natively, records are appended to a file of JSON lines in the state folder.
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

    /// Sends records: JSON objects of at most 1,000,000 bytes in total.
    ///
    /// # Errors
    /// `TooLarge` if the records have more than 1,000,000 bytes. `InvalidArgument` if a record
    /// cannot be serialized as JSON.
    ///
    /// <https://developers.cloudflare.com/pipelines/platform/limits/>
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

                let measures = Measures {
                    count: Some(count),
                    bytes: Some(bytes as u64),
                    ..Measures::default()
                };
                Ok(((), measures.into()))
            };
            self.gate.pass("send", None, work).await
        })
    }
}
