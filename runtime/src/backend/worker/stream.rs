//! Streams of bytes between Rust and JavaScript.

use wasm_bindgen::{JsCast, JsValue};

use crate::http::Body;

/// A body that reads a `ReadableStream`. Any other value is an empty body.
pub(super) fn body_of(stream: &JsValue) -> Body {
    match stream.dyn_ref::<web_sys::ReadableStream>() {
        Some(stream) => Body::new(worker::Body::new(stream.clone())),
        None => Body::empty(),
    }
}
