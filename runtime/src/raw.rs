//! Bindings of kinds that bindery has no operations for yet.

use crate::backend;
use crate::error::Result;
use crate::observe::{Gate, Measures};

/// A binding as the platform gives it, with nothing typed about it.
#[derive(Debug, Clone)]
pub struct Raw {
    gate: Gate,
    backend: backend::Raw,
}

impl Raw {
    pub(crate) fn new(gate: Gate, backend: backend::Raw) -> Self {
        Self { gate, backend }
    }

    /// Calls a method of the binding with JSON values, and gives its result as JSON.
    ///
    /// # Errors
    /// `Unsupported` natively: nothing there stands in for this kind. On Workers, whatever the
    /// method throws.
    pub async fn call(&self, method: &str, arguments: &[serde_json::Value]) -> Result<serde_json::Value> {
        self.gate.pass("call", None, async { Ok((self.backend.call(method, arguments).await?, Measures::default())) }).await
    }

    /// The JavaScript object itself.
    #[cfg(target_arch = "wasm32")]
    #[must_use]
    pub fn js_value(&self) -> wasm_bindgen::JsValue {
        self.backend.js_value()
    }
}
