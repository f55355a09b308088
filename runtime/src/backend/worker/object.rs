//! The bindings that are one object, by the names of its methods and properties.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

use crate::error::{ErrorKind, Failure};
use crate::http::{Request, Response, make_absolute};
use crate::json;
use crate::k2::Record;

use super::http::{request_to_js, response_from_js};
use super::js::{Handle, call, call_async, failure, get, object, parse, send, stringify};
use super::platform;

#[derive(Debug, Clone)]
pub(crate) struct Object(pub(super) Handle);

impl Object {
    /// Calls a method, awaits its promise and returns the result as JSON.
    ///
    /// `method` can be a path: `videos.list` calls `list` of the property `videos`.
    pub(crate) async fn call(
        &self,
        method: &str,
        values: &[serde_json::Value],
    ) -> Result<serde_json::Value, Failure> {
        send(async {
            let (owner, method) = match method.rsplit_once('.') {
                Some((path, method)) => (self.property(path), method),
                None => (self.js_value(), method),
            };
            let result = call_async(&owner, method, &arguments(values)?).await?;
            to_json(&result)
        })
        .await
    }

    /// Returns the property at a path, or undefined.
    fn property(&self, path: &str) -> JsValue {
        path.split('.')
            .fold(self.js_value(), |object, name| get(&object, name))
    }

    /// Calls a method that returns an object, or a promise of one.
    pub(crate) async fn object(
        &self,
        method: &str,
        values: &[serde_json::Value],
    ) -> Result<Self, Failure> {
        send(async {
            let result = call_async(self.0.value(), method, &arguments(values)?).await?;
            Ok(Self(Handle::new(result)))
        })
        .await
    }

    /// Calls a method with another object as its argument.
    ///
    /// The result is not awaited. It is not a promise, although an RPC stub can look like one.
    pub(crate) async fn object_of(&self, method: &str, argument: &Self) -> Result<Self, Failure> {
        let result = call(self.0.value(), method, &[argument.js_value()])?;
        Ok(Self(Handle::new(result)))
    }

    /// Sends records of bytes to a stream.
    pub(crate) async fn send_records(
        &self,
        records: &[Record],
    ) -> Result<serde_json::Value, Failure> {
        send(async {
            let records: Array = records.iter().map(record).collect();
            to_json(&call_async(self.0.value(), "send", &[records.into()]).await?)
        })
        .await
    }

    /// Returns the entry point of a dynamic worker, which the platform loads from `code` if it has
    /// not loaded a worker of that name before.
    pub(crate) async fn load(&self, name: &str, code: &serde_json::Value) -> Result<Self, Failure> {
        let code = argument(code)?;
        // The closure is freed when it is called. If the platform never calls it, it leaks.
        let callback = Closure::once_into_js(move || code);
        let worker = call(self.0.value(), "get", &[JsValue::from_str(name), callback])?;
        Ok(Self(Handle::new(call(&worker, "getEntrypoint", &[])?)))
    }

    /// Returns a property as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = get(self.0.value(), name);
        value
            .as_string()
            .or_else(|| value.as_f64().map(|number| number.to_string()))
    }

    /// Returns the content of a text or data blob.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let value = self.0.value();
        match value.as_string() {
            Some(text) => text.into_bytes(),
            None => Uint8Array::new(value).to_vec(),
        }
    }

    /// Sends a request.
    pub(crate) async fn fetch(&self, mut request: Request) -> Result<Response, Failure> {
        send(async {
            make_absolute(&mut request)?;
            let request = request_to_js(request)?;
            response_from_js(call_async(self.0.value(), "fetch", &[request]).await?)
        })
        .await
    }

    /// Returns the format and size of an image.
    pub(crate) async fn image_info(&self, image: &[u8]) -> Result<serde_json::Value, Failure> {
        send(async { to_json(&call_async(self.0.value(), "info", &[stream(image)?]).await?) }).await
    }

    /// Applies transformations to an image, and returns the bytes of the result.
    pub(crate) async fn image(
        &self,
        image: &[u8],
        transformations: &[serde_json::Value],
        output: &serde_json::Value,
    ) -> Result<Vec<u8>, Failure> {
        send(async {
            let mut transformer = call(self.0.value(), "input", &[stream(image)?])?;
            for transformation in transformations {
                let transformation = argument(transformation)?;
                transformer = call(&transformer, "transform", &[transformation])?;
            }

            let output = argument(output)?;
            let result = call_async(&transformer, "output", &[output]).await?;
            let response = call(&result, "response", &[])?;
            let buffer = call_async(&response, "arrayBuffer", &[]).await?;
            Ok(Uint8Array::new(&buffer).to_vec())
        })
        .await
    }

    /// Returns the JavaScript object.
    pub(crate) fn js_value(&self) -> JsValue {
        self.0.value().clone()
    }
}

/// Converts JSON values to the arguments of a method.
fn arguments(values: &[serde_json::Value]) -> Result<Vec<JsValue>, Failure> {
    values.iter().map(argument).collect()
}

fn argument(value: &serde_json::Value) -> Result<JsValue, Failure> {
    parse(&json::encode("the argument", value)?)
}

/// Converts a result to JSON. A value that JSON cannot represent, such as `undefined`, is null.
fn to_json(value: &JsValue) -> Result<serde_json::Value, Failure> {
    let Some(json) = stringify(value) else {
        return Ok(serde_json::Value::Null);
    };
    crate::json::parse(&json)
        .map_err(|_| Failure::new(ErrorKind::Decode, "the result is not valid JSON"))
}

fn record(record: &Record) -> JsValue {
    let headers = record.headers.iter();
    let headers: Vec<(&str, JsValue)> = headers
        .map(|(name, value)| (name.as_str(), JsValue::from_str(value)))
        .collect();
    let content = Uint8Array::from(record.content.as_slice()).into();
    object(&[("content", content), ("headers", object(&headers))])
}

/// Converts bytes to a `ReadableStream`.
fn stream(bytes: &[u8]) -> Result<JsValue, Failure> {
    platform::stream_of(bytes).map_err(|error| failure(&error))
}
