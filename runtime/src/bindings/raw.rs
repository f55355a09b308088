//! Bindings of kinds that bindery has no typed operations for: any method of theirs, with JSON.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::connect_object;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::observe::{Gate, Measures};

/// A binding as the platform gives it, with nothing typed about it.
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

    /// Calls a method of the binding with JSON values, and gives its result as JSON. A method of a part of it is
    /// called by its path: `videos.list`.
    ///
    /// # Errors
    /// `Unsupported` natively: nothing there stands in for this kind. On Workers, whatever the
    /// method throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(flags: &bindery::raw::Raw) -> bindery::Result<()> {
    /// let on = flags.call("getBooleanValue", &["new-checkout".into(), false.into()]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn call(&self, method: &str, arguments: &[Value]) -> Result<Value> {
        self.gate
            .pass("call", None, async {
                Ok((
                    self.backend.call(method, arguments).await?,
                    Measures::default(),
                ))
            })
            .await
    }

    /// The JavaScript object itself.
    #[cfg(target_arch = "wasm32")]
    #[must_use]
    pub fn js_value(&self) -> wasm_bindgen::JsValue {
        self.backend.js_value()
    }
}

/// What a method gave, as the type it is promised to have.
pub(crate) fn decode<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| {
        Failure::because(
            ErrorKind::Decode,
            format!("the answer is not understood: {error}"),
            error,
        )
    })
}

/// An argument as JSON.
pub(crate) fn encode<T: serde::Serialize + ?Sized>(value: &T) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| {
        Failure::because(ErrorKind::InvalidArgument, "the argument is no JSON", error)
    })
}
