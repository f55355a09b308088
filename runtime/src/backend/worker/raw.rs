//! Any binding, by the names of its methods.

use wasm_bindgen::JsValue;

use crate::error::{Failure, Kind};

use super::js::{Handle, call_async, parse, send, stringify};

#[derive(Debug, Clone)]
pub(crate) struct Raw(pub(super) Handle);

impl Raw {
    pub(crate) async fn call(&self, method: &str, arguments: &[serde_json::Value]) -> Result<serde_json::Value, Failure> {
        send(async {
            if self.0.value().is_undefined() {
                return Err(Failure::new(Kind::Misconfigured, "the binding is missing"));
            }
            let arguments = arguments.iter().map(|value| parse(&value.to_string())).collect::<Result<Vec<JsValue>, _>>()?;
            let result = call_async(self.0.value(), method, &arguments).await?;
            // `undefined` has no JSON text.
            let Some(json) = stringify(&result) else { return Ok(serde_json::Value::Null) };
            serde_json::from_str(&json).map_err(|error| Failure::because(Kind::Decode, "the result is no JSON", error))
        })
        .await
    }

    pub(crate) fn js_value(&self) -> JsValue {
        self.0.value().clone()
    }
}
