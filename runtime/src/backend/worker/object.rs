//! Any other binding: an object, by the names of its methods and properties.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use crate::error::{ErrorKind, Failure};
use crate::http::{Body, Request, Response};
use crate::k2::Record;

use super::js::{Handle, call, call_async, get, object, parse, send, stringify};

#[derive(Debug, Clone)]
pub(crate) struct Object(pub(super) Handle);

/// What requests without a host are sent to: bindings know the worker behind them without it.
const HOST: &str = "http://binding";

fn arguments(values: &[serde_json::Value]) -> Result<Vec<JsValue>, Failure> {
    values
        .iter()
        .map(|value| parse(&value.to_string()))
        .collect()
}

/// A value as JSON; `undefined` and functions have none.
fn json(value: &JsValue) -> Result<serde_json::Value, Failure> {
    let Some(json) = stringify(value) else {
        return Ok(serde_json::Value::Null);
    };
    serde_json::from_str(&json)
        .map_err(|error| Failure::because(ErrorKind::Decode, "the result is no JSON", error))
}

impl Object {
    /// Calls a method, and gives what it promises as JSON.
    pub(crate) async fn call(
        &self,
        method: &str,
        values: &[serde_json::Value],
    ) -> Result<serde_json::Value, Failure> {
        send(async {
            let (owner, method) = match method.rsplit_once('.') {
                Some((path, method)) => (
                    path.split('.')
                        .fold(self.js_value(), |object, name| get(&object, name)),
                    method,
                ),
                None => (self.js_value(), method),
            };
            json(&call_async(&owner, method, &arguments(values)?).await?)
        })
        .await
    }

    /// Calls a method that gives an object, or promises one.
    pub(crate) async fn object(
        &self,
        method: &str,
        values: &[serde_json::Value],
    ) -> Result<Self, Failure> {
        send(async {
            Ok(Self(Handle::new(
                call_async(self.0.value(), method, &arguments(values)?).await?,
            )))
        })
        .await
    }

    /// Calls a method over another object. What it gives is no promise: it may look like one, as RPC stubs do.
    pub(crate) async fn object_of(&self, method: &str, argument: &Self) -> Result<Self, Failure> {
        call(self.0.value(), method, &[argument.0.value().clone()])
            .map(|object| Self(Handle::new(object)))
    }

    /// Sends records of bytes to a stream.
    pub(crate) async fn send_records(
        &self,
        records: &[Record],
    ) -> Result<serde_json::Value, Failure> {
        send(async {
            let given: Array = records
                .iter()
                .map(|record| {
                    let headers: Vec<(&str, JsValue)> = record
                        .headers
                        .iter()
                        .map(|(name, value)| (name.as_str(), JsValue::from_str(value)))
                        .collect();
                    let content = Uint8Array::from(record.content.as_slice()).into();
                    object(&[("content", content), ("headers", object(&headers))])
                })
                .collect();
            json(&call_async(self.0.value(), "send", &[given.into()]).await?)
        })
        .await
    }

    /// A worker of code that the platform asks for when it has none of the name.
    pub(crate) async fn load(&self, name: &str, code: &serde_json::Value) -> Result<Self, Failure> {
        let code = parse(&code.to_string())?;
        // Frees itself when it is called; the few bytes of one that never is are kept.
        let give = Closure::once_into_js(move || code);
        let worker = call(self.0.value(), "get", &[JsValue::from_str(name), give])?;
        Ok(Self(Handle::new(call(&worker, "getEntrypoint", &[])?)))
    }

    /// A property, as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = get(self.0.value(), name);
        value
            .as_string()
            .or_else(|| value.as_f64().map(|number| number.to_string()))
    }

    /// What is in a blob.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let value = self.0.value();
        value
            .as_string()
            .map_or_else(|| Uint8Array::new(value).to_vec(), String::into_bytes)
    }

    /// Sends a request.
    pub(crate) async fn fetch(&self, mut request: Request) -> Result<Response, Failure> {
        send(async {
            if request.uri().host().is_none() {
                let path = request
                    .uri()
                    .path_and_query()
                    .map_or("/", |path| path.as_str());
                let uri = format!("{HOST}{path}").parse();
                *request.uri_mut() = uri.map_err(|error| {
                    Failure::because(
                        ErrorKind::InvalidArgument,
                        "the URI is not understood",
                        error,
                    )
                })?;
            }
            let request = worker::request_to_wasm(request).map_err(|error| {
                Failure::new(
                    ErrorKind::InvalidArgument,
                    format!("the request cannot be sent: {error}"),
                )
            })?;
            let response = call_async(self.0.value(), "fetch", &[request.into()]).await?;
            let response = response
                .dyn_into()
                .map_err(|_| Failure::new(ErrorKind::Decode, "the answer is no response"))?;
            let response = worker::response_from_wasm(response).map_err(|error| {
                Failure::new(
                    ErrorKind::Decode,
                    format!("the response cannot be read: {error}"),
                )
            })?;
            Ok(response.map(Body::new))
        })
        .await
    }

    /// What an image is.
    pub(crate) async fn image_info(&self, image: &[u8]) -> Result<serde_json::Value, Failure> {
        send(async { json(&call_async(self.0.value(), "info", &[stream(image)?]).await?) }).await
    }

    /// An image, transformed.
    pub(crate) async fn image(
        &self,
        image: &[u8],
        transformations: &[serde_json::Value],
        output: &serde_json::Value,
    ) -> Result<Vec<u8>, Failure> {
        send(async {
            let mut transformer = call(self.0.value(), "input", &[stream(image)?])?;
            for transformation in transformations {
                transformer = call(
                    &transformer,
                    "transform",
                    &[parse(&transformation.to_string())?],
                )?;
            }
            let result = call_async(&transformer, "output", &[parse(&output.to_string())?]).await?;
            let response = call(&result, "response", &[])?;
            Ok(Uint8Array::new(&call_async(&response, "arrayBuffer", &[]).await?).to_vec())
        })
        .await
    }

    pub(crate) fn js_value(&self) -> JsValue {
        self.0.value().clone()
    }
}

/// Bytes as a stream: the body of a response is one.
fn stream(bytes: &[u8]) -> Result<JsValue, Failure> {
    let constructor = get(&js_sys::global(), "Response");
    let constructor = constructor.dyn_ref::<js_sys::Function>();
    let constructor = constructor
        .ok_or_else(|| Failure::new(ErrorKind::Internal, "there is no `Response` here"))?;
    let response = js_sys::Reflect::construct(constructor, &Array::of1(&Uint8Array::from(bytes)))
        .map_err(|error| super::js::failure(&error))?;
    Ok(get(&response, "body"))
}
