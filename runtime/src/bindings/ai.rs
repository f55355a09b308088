//! Workers AI: models that are run by name.
//!
//! <https://developers.cloudflare.com/workers-ai/>

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::connect_object;
use crate::backend;
use crate::error::Result;
use crate::observe::{Counts, Gate};
use crate::raw::{decode, encode};

/// Workers AI.
///
/// Covered: models with JSON input and JSON output. A model that streams or returns an image is
/// called through the JavaScript object.
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

    /// Runs a model, such as `@cf/meta/llama-3.1-8b-instruct`, and returns its output.
    ///
    /// <https://developers.cloudflare.com/workers-ai/models/>
    ///
    /// # Errors
    /// `InvalidArgument` if the input cannot be serialized as JSON. `Decode` if the output does not
    /// match the type `O`. `Unsupported` natively. On Workers, any error that the model throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(ai: &bindery::ai::Ai) -> bindery::Result<()> {
    /// #[derive(serde::Deserialize)]
    /// struct Answer { response: String }
    ///
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
                let output = self.backend.call("run", &[model.into(), input?]).await?;
                Ok((output, Counts::default()))
            };
            self.gate.pass("run", None, work).await
        };

        Box::pin(async move {
            // `O` need not be `Send`, so no value of it may exist while the call runs.
            let output: Value = run.await?;
            decode(output).map_err(|failure| self.gate.failed("run", failure))
        })
    }

    /// Returns the JavaScript object of the binding.
    #[cfg(target_arch = "wasm32")]
    #[must_use]
    pub fn js_value(&self) -> wasm_bindgen::JsValue {
        self.backend.js_value()
    }
}
