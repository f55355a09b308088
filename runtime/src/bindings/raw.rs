//! Bindings of kinds for which bindery has no typed operations: their methods are called with JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::connect_object;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::json;
use crate::observe::{Counts, Gate};

/// A binding without typed operations.
#[derive(Debug, Clone)]
pub struct Raw {
    gate: Gate,
    backend: backend::Object,
}

connect_object!(Raw, Raw);

impl Raw {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Calls a method of the binding with JSON arguments, and returns its result as JSON.
    ///
    /// A path calls a method of a nested object: `videos.list`.
    ///
    /// # Errors
    /// `Unsupported` natively, because bindery does not simulate these kinds. On Workers, any error
    /// that the method throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(flags: &bindery::raw::Raw) -> bindery::Result<()> {
    /// let arguments = ["new-checkout".into(), false.into()];
    /// let enabled = flags.call("getBooleanValue", &arguments).await?;
    /// # Ok(()) }
    /// ```
    pub async fn call(&self, method: &str, arguments: &[Value]) -> Result<Value> {
        let work = async {
            let result = self.backend.call(method, arguments).await?;
            Ok((result, Counts::default()))
        };
        self.gate.pass("call", None, work).await
    }

    /// Returns the JavaScript object of the binding.
    #[cfg(target_arch = "wasm32")]
    #[must_use]
    pub fn js_value(&self) -> wasm_bindgen::JsValue {
        self.backend.js_value()
    }
}

/// Decodes the result of a method.
pub(crate) fn decode<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    json::parse(&value.to_string()).map_err(|error| {
        let problem = error.problem();
        let message = format!("the result has an unexpected form: {problem}");
        Failure::new(ErrorKind::Decode, message)
    })
}

/// Encodes an argument as JSON.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| {
        let message = "the argument is not valid JSON";
        Failure::because(ErrorKind::InvalidArgument, message, error)
    })
}
