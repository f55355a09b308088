//! Calls into JavaScript: none of them can panic, each error is a [`Failure`].

use std::fmt;
use std::future::Future;

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::send::{SendFuture, SendWrapper};

use crate::error::{ErrorKind, Failure};

/// A JavaScript object that a binding is.
pub(super) struct Handle(SendWrapper<JsValue>);

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self::new(self.0.0.clone())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Handle")
    }
}

impl Handle {
    pub(super) fn new(value: JsValue) -> Self {
        Self(SendWrapper(value))
    }

    pub(super) fn value(&self) -> &JsValue {
        &self.0.0
    }
}

/// A future that may hold JavaScript values, as one that may cross threads: there is only one.
pub(super) fn send<F: Future>(future: F) -> SendFuture<F> {
    SendFuture::new(future)
}

/// Calls `object.name(...arguments)`.
pub(super) fn call(
    object: &JsValue,
    name: &str,
    arguments: &[JsValue],
) -> Result<JsValue, Failure> {
    let method = get(object, name);
    let Some(method) = method.dyn_ref::<Function>() else {
        return Err(Failure::new(
            ErrorKind::Misconfigured,
            format!(
                "the binding has no method `{name}`; is it of the kind that the manifest says?"
            ),
        ));
    };
    let arguments: Array = arguments.iter().collect();
    // Not `method.apply`: a method over RPC has properties of its own, and would call one of that name.
    Reflect::apply(method, object, &arguments).map_err(|error| failure(&error))
}

/// Calls `object.name(...arguments)` and waits for what it promises.
pub(super) async fn call_async(
    object: &JsValue,
    name: &str,
    arguments: &[JsValue],
) -> Result<JsValue, Failure> {
    let promised = call(object, name, arguments)?;
    JsFuture::from(Promise::resolve(&promised))
        .await
        .map_err(|error| failure(&error))
}

/// `object.name`, or undefined.
pub(super) fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

/// An object of some properties; those that are undefined are left out.
pub(super) fn object(properties: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in properties {
        if !value.is_undefined() {
            // A plain object takes every property.
            let _ = Reflect::set(&object, &JsValue::from_str(name), value);
        }
    }
    object.into()
}

/// A text, or undefined.
pub(super) fn optional(text: Option<&str>) -> JsValue {
    text.map_or(JsValue::UNDEFINED, JsValue::from_str)
}

/// JSON text as a JavaScript value.
pub(super) fn parse(json: &str) -> Result<JsValue, Failure> {
    js_sys::JSON::parse(json).map_err(|error| failure(&error))
}

/// A JavaScript value as JSON text; `None` for what JSON has no text for.
pub(super) fn stringify(value: &JsValue) -> Option<String> {
    js_sys::JSON::stringify(value)
        .ok()
        .and_then(|text| JsValue::from(text).as_string())
}

/// The words of a thrown value.
pub(super) fn message(error: &JsValue) -> String {
    get(error, "message")
        .as_string()
        .or_else(|| error.as_string())
        .or_else(|| stringify(error))
        .unwrap_or_else(|| "an error without words".to_owned())
}

/// A thrown value as a failure, by the platform's words for what is known.
pub(super) fn failure(error: &JsValue) -> Failure {
    let message = message(error);
    let has = |part: &str| message.contains(part);
    // https://developers.cloudflare.com/d1/observability/debug-d1/
    let kind = if has("Network connection lost")
        || has("storage caused object to be reset")
        || has("reset because its code was updated")
        || has("transient issue")
    {
        ErrorKind::Unavailable
    } else if has("overloaded") || has("Too many requests") || has("429") {
        ErrorKind::Overloaded
    } else if has("exceeded timeout") || has("timed out") {
        ErrorKind::Timeout
    } else if has("not authorized") {
        ErrorKind::Denied
    } else {
        ErrorKind::Internal
    };
    Failure::new(kind, message)
}
