//! Workers AI: models by name.
//!
//! <https://developers.cloudflare.com/workers-ai/>

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connect_object;
use crate::backend;
use crate::error::Result;
use crate::observe::{Gate, Measures};
use crate::raw::{decode, encode};

/// Workers AI.
///
/// Covered: models that take JSON and give JSON. A model that streams, or gives an image, is called through the
/// JavaScript object.
#[derive(Debug, Clone)]
pub struct Ai {
    gate: Gate,
    backend: backend::Object,
}

connect_object!(Ai, Ai);

impl Ai {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Runs a model, for instance `@cf/meta/llama-3.1-8b-instruct`, over its input.
    ///
    /// # Errors
    /// `Unsupported` natively; `Decode` when the output is not of the type; on Workers, whatever the model throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(ai: &bindery::ai::Ai) -> bindery::Result<()> {
    /// #[derive(serde::Deserialize)]
    /// struct Answer { response: String }
    /// let input = serde_json::json!({ "prompt": "What is a bindery?" });
    /// let answer: Answer = ai.run("@cf/meta/llama-3.1-8b-instruct", &input).await?;
    /// # Ok(()) }
    /// ```
    pub fn run<'a, O: DeserializeOwned + 'a>(
        &'a self,
        model: &'a str,
        input: &(impl Serialize + ?Sized),
    ) -> BoxFuture<'a, Result<O>> {
        let input = encode(input);
        let run = async move {
            let work = async {
                Ok((
                    self.backend.call("run", &[model.into(), input?]).await?,
                    Measures::default(),
                ))
            };
            self.gate.pass("run", None, work).await
        };
        Box::pin(async move {
            // The output's own type may not cross threads while the call runs.
            let output: serde_json::Value = run.await?;
            decode(output).map_err(|failure| self.gate.failed("run", failure))
        })
    }

    /// The JavaScript object itself.
    #[cfg(target_arch = "wasm32")]
    #[must_use]
    pub fn js_value(&self) -> wasm_bindgen::JsValue {
        self.backend.js_value()
    }
}
