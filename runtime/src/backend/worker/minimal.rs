//! The requests and responses of [`minimal`](crate::minimal), which read and create those of the
//! platform without the types of the `http` crate.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

use crate::app::Context;
use crate::error::Failure;
use crate::http::{Body, DRAIN_TIMEOUT, DrainableBody, Request, make_absolute};
use crate::minimal::{self, Response};

use super::entry::drain;
use super::http::{
    JsContent, add_header, body_to_js, request_from_js, request_to_js, response_from_js,
};
use super::js::{Handle, failure, send};
use super::log_line;
use super::platform;
use super::stream::{Length, body_of, with_length};
use super::task::Settled;

/// Reads what the handler has left of a content that it has taken.
type Rest = Arc<Mutex<Option<BoxFuture<'static, ()>>>>;

/// A request of the platform.
pub(crate) struct RawRequest {
    request: Handle,
    context: Option<Context>,
    rest: Rest,
}

impl RawRequest {
    fn new(request: JsValue, context: Option<Context>) -> Self {
        Self {
            request: Handle::new(request),
            context,
            rest: Rest::default(),
        }
    }

    pub(crate) fn from_http(mut request: Request) -> Result<Self, Failure> {
        make_absolute(&mut request)?;
        let context = request.extensions().get().cloned();
        Ok(Self::new(request_to_js(request)?, context))
    }

    pub(crate) fn into_http(self) -> Result<Request, Failure> {
        let request = request_from_js(self.request())?;
        let (mut request, body) = DrainableBody::wrap(request);
        self.take(body);
        if let Some(context) = self.context {
            request.extensions_mut().insert(context);
        }
        Ok(request)
    }

    /// Notes that the handler has taken the content. Only here, so that a worker that does not take
    /// it has no code for it.
    fn take(&self, body: DrainableBody) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        *rest = Some(Box::pin(drain(body)));
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
        // The platform has decoded content with an encoding, so its length is another one.
        let length = match self.header("content-encoding") {
            Some(_) => None,
            None => self.header("content-length"),
        };
        let length = length.and_then(|length| length.parse().ok());
        let body = body_of(&self.request().body().into(), Length::declared(length));
        let (request, rest) = DrainableBody::wrap(Request::new(body));
        self.take(rest);
        request.into_body()
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

    /// Returns the content, and whether it is a stream.
    pub(crate) fn stream(body: Body) -> (Self, bool) {
        let (content, is_stream) = match body_to_js(body) {
            JsContent::Empty => (JsValue::NULL, false),
            JsContent::Bytes(content) => (Uint8Array::from(&*content).into(), false),
            JsContent::Stream(content, _) => (content, true),
        };
        (Self(Handle::new(content)), is_stream)
    }
}

/// Responds to a request, and writes the cause of a server error to the log.
pub(crate) fn respond<F: Future<Output = Response>>(
    request: Handle,
    context: Context,
    handler: impl FnOnce(minimal::Request) -> F,
) -> impl Future<Output = Result<Handle, Failure>> {
    let raw = RawRequest::new(request.value().clone(), Some(context));
    let rest = Arc::clone(&raw.rest);
    let output = handler(minimal::Request::new(raw));
    async move {
        let response = output.await;
        let rest = rest.lock().unwrap_or_else(PoisonError::into_inner).take();
        match rest {
            Some(rest) => rest.await,
            None => send(discard(request.value())).await,
        }
        to_js(response).map(Handle::new)
    }
}

/// Reads and discards the content of a request. On timeout or failure, the worker responds anyway.
async fn discard(request: &JsValue) {
    let milliseconds = DRAIN_TIMEOUT.as_millis() as f64;
    match platform::discard(request, milliseconds) {
        Ok(read) if !read.is_undefined() => drop(Settled::new(&read).await),
        _ => {}
    }
}

/// Converts a response to one of the platform.
pub(super) fn to_js(response: Response) -> Result<JsValue, Failure> {
    let response = response.checked();
    // The content can be a stream that somebody else reads.
    convert(&response).or_else(|failure| convert(&response.invalid(&failure.message)))
}

fn convert(response: &Response) -> Result<JsValue, Failure> {
    if let Some(problem) = &response.problem {
        log_line(&format!("error: {problem}"));
    }

    let mut headers = String::new();
    for (name, value) in &response.headers {
        add_header(&mut headers, name, value);
    }
    let content = match response.has_content() {
        true => response.content.0.value(),
        false => &JsValue::NULL,
    };
    let length = response.stream_length().filter(|_| !content.is_null());
    let with_length = length.map(|length| with_length(content, length));
    let with_length = with_length.transpose()?;
    let content = with_length.as_ref().unwrap_or(content);
    platform::create_response(content, response.status, &headers, &JsValue::UNDEFINED)
        .map_err(|error| failure(&error))
}

/// Converts a response to one of the `http` crate.
pub(crate) fn into_http(response: Response) -> crate::Response {
    let converted = to_js(response).and_then(response_from_js);
    converted.unwrap_or_else(|_| crate::Response::new(Body::empty()))
}
