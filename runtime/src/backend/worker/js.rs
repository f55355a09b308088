//! Calls into JavaScript. None of them panics: each error is a [`Failure`].

use std::fmt;
use std::future::Future;

use js_sys::{Array, Function, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use worker::send::{SendFuture, SendWrapper};

use crate::error::{ErrorKind, Failure};

use super::platform;
use super::task::Settled;

/// The JavaScript object of a binding.
#[doc(hidden)]
pub struct Handle(SendWrapper<JsValue>);

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

/// Makes a future `Send` although it holds JavaScript values. A Worker has only one thread.
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
        let message = format!(
            "the object has no method `{name}`: check that the binding is of the kind that the \
             manifest declares"
        );
        return Err(Failure::new(ErrorKind::Misconfigured, message));
    };

    let arguments: Array = arguments.iter().collect();
    // Not `method.apply`: a method over RPC is a proxy, on which `apply` would be a remote method.
    Reflect::apply(method, object, &arguments).map_err(|error| failure(&error))
}

/// Calls `object.name(...arguments)` and awaits the promise that it returns.
pub(super) async fn call_async(
    object: &JsValue,
    name: &str,
    arguments: &[JsValue],
) -> Result<JsValue, Failure> {
    start(object, name, arguments)?.await
}

/// Calls `object.name(...arguments)`. The future awaits the promise that it returns.
pub(super) fn start(
    object: &JsValue,
    name: &str,
    arguments: &[JsValue],
) -> Result<impl Future<Output = Result<JsValue, Failure>> + use<>, Failure> {
    let promised = call(object, name, arguments)?;
    Ok(outcome(Ok(promised)))
}

/// Awaits the promise that a call has returned.
pub(super) fn outcome(
    promised: Result<JsValue, JsValue>,
) -> impl Future<Output = Result<JsValue, Failure>> + use<> {
    let settled = promised.map(|promise| Settled::new(&promise));
    async move {
        let outcome = match settled {
            Ok(settled) => settled.await,
            Err(error) => Err(error),
        };
        outcome.map_err(|error| failure(&error))
    }
}

/// Ignores the result of a promise: a rejection that nobody handles would be reported.
pub(super) fn ignore(promised: &JsValue) {
    drop(Settled::new(promised));
}

/// Returns `object.name`, or undefined.
#[inline(never)]
pub(super) fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

/// Returns the text `object.name`, or `None` if it is not a text.
#[inline(never)]
pub(super) fn get_text(object: &JsValue, name: &str) -> Option<String> {
    get(object, name).as_string()
}

/// Returns the number `object.name`, or `None` if it is not a number.
#[inline(never)]
pub(super) fn get_number(object: &JsValue, name: &str) -> Option<f64> {
    get(object, name).as_f64()
}

/// Creates an object from its properties. Undefined properties are omitted.
pub(super) fn object(properties: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in properties {
        if !value.is_undefined() {
            // Setting a property of a plain object cannot fail.
            let _ = Reflect::set(&object, &JsValue::from_str(name), value);
        }
    }
    object.into()
}

/// Converts a text to a string, and `None` to undefined.
pub(super) fn optional(text: Option<&str>) -> JsValue {
    text.map_or(JsValue::UNDEFINED, JsValue::from_str)
}

/// Parses JSON text as a JavaScript value.
pub(super) fn parse(json: &str) -> Result<JsValue, Failure> {
    js_sys::JSON::parse(json).map_err(|error| failure(&error))
}

/// Parses a number of JSON. A parser in Wasm would be larger than the rest of a small worker.
pub(crate) fn parse_number(text: &str) -> f64 {
    js_sys::Number::parse_float(text)
}

/// Converts a JavaScript value to JSON text. Returns `None` for a value that JSON cannot represent.
pub(super) fn stringify(value: &JsValue) -> Option<String> {
    platform::stringify(value).ok().flatten()
}

/// The message of a thrown value.
pub(super) fn message(error: &JsValue) -> String {
    get(error, "message")
        .as_string()
        .or_else(|| error.as_string())
        .or_else(|| stringify(error))
        .unwrap_or_else(|| "JavaScript threw a value without a message".to_owned())
}

/// Converts a thrown value to a failure. The errors of the platform have no codes, so the kind
/// depends on the message.
pub(super) fn failure(error: &JsValue) -> Failure {
    // https://developers.cloudflare.com/d1/observability/debug-d1/
    const KINDS: [(&str, ErrorKind); 11] = [
        ("Network connection lost", ErrorKind::Unavailable),
        ("storage caused object to be reset", ErrorKind::Unavailable),
        ("reset because its code was updated", ErrorKind::Unavailable),
        ("transient issue", ErrorKind::Unavailable),
        ("starting up D1 DB storage", ErrorKind::Unavailable),
        ("overloaded", ErrorKind::Overloaded),
        ("Too many requests", ErrorKind::Overloaded),
        ("429", ErrorKind::Overloaded),
        ("exceeded timeout", ErrorKind::Timeout),
        ("timed out", ErrorKind::Timeout),
        ("not authorized", ErrorKind::Denied),
    ];

    let message = message(error);
    let kind = kind_of_text(&message, &KINDS);
    Failure::new(kind.unwrap_or(ErrorKind::Internal), message)
}

/// The kind of the first text of a list that a message has.
pub(super) fn kind_of_text(message: &str, kinds: &[(&str, ErrorKind)]) -> Option<ErrorKind> {
    let found = kinds.iter().find(|(text, _)| message.contains(text));
    found.map(|(_, kind)| *kind)
}
