//! The requests and responses of [`minimal`](crate::minimal), which read and create those of the
//! platform without the types of the `http` crate.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::error::Failure;
use crate::http::{Body, DRAIN_TIMEOUT, Request, make_absolute};
use crate::minimal::{self, Response};

use super::http::{JsContent, body_to_js, request_from_js, request_to_js, response_from_js};
use super::js::{Handle, call, call_async, construct, get, object, send};
use super::log_line;
use super::stream::body_of;

/// A request of the platform.
pub(crate) struct RawRequest {
    request: Handle,
    /// Whether the handler has taken the content.
    is_taken: Arc<AtomicBool>,
}

impl RawRequest {
    fn new(request: JsValue) -> Self {
        Self {
            request: Handle::new(request),
            is_taken: Arc::default(),
        }
    }

    pub(crate) fn from_http(mut request: Request) -> Result<Self, Failure> {
        make_absolute(&mut request)?;
        Ok(Self::new(request_to_js(request)?))
    }

    pub(crate) fn into_http(self) -> Result<Request, Failure> {
        self.is_taken.store(true, Ordering::Relaxed);
        request_from_js(self.request())
    }

    fn request(&self) -> &web_sys::Request {
        self.request.value().unchecked_ref()
    }

    pub(crate) fn method(&self) -> String {
        self.request().method()
    }

    pub(crate) fn url(&self) -> String {
        self.request().url()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        // It throws for a name that no header can have.
        self.request().headers().get(name).ok().flatten()
    }

    pub(crate) fn into_body(self) -> Body {
        self.is_taken.store(true, Ordering::Relaxed);
        // The platform has decoded content with an encoding, so its length is another one.
        let length = match self.header("content-encoding") {
            Some(_) => None,
            None => self.header("content-length"),
        };
        let length = length.and_then(|length| length.parse().ok());
        body_of(&self.request().body().into(), length)
    }
}

/// The content of a response: bytes, a stream or null.
pub(crate) struct RawContent(Handle);

impl RawContent {
    pub(crate) fn empty() -> Self {
        Self(Handle::new(JsValue::NULL))
    }

    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        Self(Handle::new(Uint8Array::from(bytes).into()))
    }

    pub(crate) fn stream(body: Body) -> Self {
        let (JsContent::Bytes(content) | JsContent::Stream(content)) = body_to_js(body);
        Self(Handle::new(content))
    }
}

/// Responds to a request, and writes the cause of a server error to the log.
pub(crate) fn respond<F: Future<Output = Response>>(
    request: Handle,
    handler: impl FnOnce(minimal::Request) -> F,
) -> impl Future<Output = Result<Handle, Failure>> {
    let raw = RawRequest::new(request.value().clone());
    let is_taken = Arc::clone(&raw.is_taken);
    let output = handler(minimal::Request::new(raw));
    async move {
        let response = output.await;
        if !is_taken.load(Ordering::Relaxed) {
            send(discard(request.value().unchecked_ref())).await;
        }
        to_js(response).map(Handle::new)
    }
}

/// Reads and discards the content of a request: a client that is still sending it would see a
/// connection error instead of the response.
async fn discard(request: &web_sys::Request) {
    let Some(body) = request.body().filter(|body| !body.locked()) else {
        return;
    };
    let Ok(sink) = construct("WritableStream", &Array::new()) else {
        return;
    };
    let timeout = JsValue::from_f64(DRAIN_TIMEOUT.as_millis() as f64);
    let signal = call(
        &get(&js_sys::global(), "AbortSignal"),
        "timeout",
        &[timeout],
    );
    let options = object(&[("signal", signal.unwrap_or_default())]);
    // On timeout, respond anyway.
    let _ = call_async(&body, "pipeTo", &[sink, options]).await;
}

/// Converts a response to one of the platform.
pub(super) fn to_js(response: Response) -> Result<JsValue, Failure> {
    let response = response.checked();
    convert(&response).or_else(|failure| convert(&Response::invalid(&failure.message)))
}

fn convert(response: &Response) -> Result<JsValue, Failure> {
    if let Some(problem) = &response.problem {
        log_line(&format!("error: {problem}"));
    }

    let pairs = response.headers.iter().map(|(name, value)| {
        let (name, value) = (JsValue::from_str(name), JsValue::from_str(value));
        JsValue::from(Array::of2(&name, &value))
    });
    let init = object(&[
        ("status", response.status.into()),
        ("headers", pairs.collect::<Array>().into()),
    ]);
    let content = match response.has_content() {
        true => response.content.0.value(),
        false => &JsValue::NULL,
    };
    construct("Response", &Array::of2(content, &init))
}

/// Converts a response to one of the `http` crate.
pub(crate) fn into_http(response: Response) -> crate::Response {
    let converted = to_js(response).and_then(response_from_js);
    converted.unwrap_or_else(|_| crate::Response::new(Body::empty()))
}
