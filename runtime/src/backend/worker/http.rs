//! Requests and responses between Rust and JavaScript.
//!
//! A header costs several calls into JavaScript, so the headers cross together, as JSON. A body
//! that is in memory is not sent as a stream, and a stream of JavaScript that nobody has read is
//! handed on as it is.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use axum_core::body::BodyDataStream;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Extensions, Method, StatusCode};
use http_body::Body as _;
use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::error::{ErrorKind, Failure};
use crate::http::{Body, Request, Response};

use super::js::{Handle, call, construct, for_each_pair, get, parse};
use super::stream::{JsBody, take_stream};

/// Converts a request of the platform.
pub(super) fn request_from_js(request: &web_sys::Request) -> Result<Request, Failure> {
    let headers = headers_from_js(&request.headers())?;
    let body = body_from_js(request.body(), &headers);
    let mut converted = Request::new(body);
    *converted.method_mut() = Method::from_bytes(request.method().as_bytes())
        .map_err(|error| malformed("method", error))?;
    let uri = request.url().parse::<http::Uri>();
    *converted.uri_mut() = uri.map_err(|error| malformed("URL", error))?;
    *converted.headers_mut() = headers;
    let origin = Origin(Handle::new(request.into()));
    converted.extensions_mut().insert(origin);
    Ok(converted)
}

/// The request of the platform that a request was converted from.
///
/// A worker that forwards a request keeps its `cf`, how it treats redirects, and its end when the
/// client goes away.
#[derive(Clone)]
struct Origin(Handle);

/// Converts a response of the platform.
pub(super) fn response_from_js(response: JsValue) -> Result<Response, Failure> {
    let response: web_sys::Response = response
        .dyn_into()
        .map_err(|_| Failure::new(ErrorKind::Decode, "`fetch` did not return a response"))?;
    let headers = headers_from_js(&response.headers())?;
    let body = body_from_js(response.body(), &headers);
    let mut converted = Response::new(body);
    *converted.status_mut() =
        StatusCode::from_u16(response.status()).map_err(|error| malformed("status", error))?;
    *converted.headers_mut() = headers;
    let socket = get(&response, "webSocket").dyn_into::<web_sys::WebSocket>();
    if let Ok(socket) = socket {
        let socket = worker::WebSocket::from(socket);
        converted.extensions_mut().insert(socket);
    }
    Ok(converted)
}

fn malformed(part: &str, error: impl std::error::Error) -> Failure {
    let message = format!("the {part} is not valid: {error}");
    Failure::new(ErrorKind::InvalidArgument, message)
}

fn body_from_js(stream: Option<web_sys::ReadableStream>, headers: &HeaderMap) -> Body {
    match stream {
        Some(stream) => {
            // The platform has decoded the content, so its length is another one.
            let is_decoded = headers.contains_key(CONTENT_ENCODING);
            let length = content_length(headers).filter(|_| !is_decoded);
            Body::new(JsBody::new(stream, length))
        }
        None => Body::empty(),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Converts headers, whose values the platform decodes as UTF-8.
fn headers_from_js(headers: &web_sys::Headers) -> Result<HeaderMap, Failure> {
    let pairs = Array::from(headers);
    let mut converted = HeaderMap::with_capacity(pairs.length() as usize);
    for_each_pair(&pairs, &mut |name, value| {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|error| malformed("name of a header", error))?;
        let value = HeaderValue::from_maybe_shared(Bytes::from(value.into_owned()));
        let value = value.map_err(|error| malformed("value of a header", error))?;
        converted.append(name, value);
        Ok(())
    })?;
    Ok(converted)
}

/// Converts headers to an array of pairs, which the platform accepts as headers. It encodes values
/// as UTF-8, so it cannot send other bytes, which become characters.
fn headers_to_js(headers: &HeaderMap) -> Result<JsValue, Failure> {
    let text = |value: &HeaderValue| -> String {
        let bytes = value.as_bytes();
        match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        }
    };
    let pairs: Vec<(&str, String)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), text(value)))
        .collect();
    parse(&serde_json::to_string(&pairs).unwrap_or_default())
}

/// Converts a response to one of the platform.
pub(super) fn response_to_js(response: Response) -> Result<JsValue, Failure> {
    let (parts, body) = response.into_parts();
    let init = Object::new();
    set(&init, "status", &parts.status.as_u16().into());
    set(&init, "headers", &headers_to_js(&parts.headers)?);
    if !parts.extensions.is_empty() {
        set_extensions(&init, &parts.extensions);
    }
    // The platform throws for a body beside these.
    let has_body = !matches!(parts.status.as_u16(), 101 | 204 | 205 | 304);
    let body = match body_to_js(body) {
        _ if !has_body => JsValue::NULL,
        JsContent::Stream(stream) => match content_length(&parts.headers) {
            Some(length) => with_length(&stream, length)?,
            None => stream,
        },
        JsContent::Bytes(bytes) => bytes,
    };
    construct("Response", &Array::of2(&body, &init))
}

/// Sets what the extensions of the `worker` crate stand for.
fn set_extensions(init: &Object, extensions: &Extensions) {
    if let Some(socket) = extensions.get::<worker::WebSocket>() {
        set(
            init,
            "webSocket",
            AsRef::<web_sys::WebSocket>::as_ref(socket),
        );
    }
    if let Some(worker::EncodeBody::Manual) = extensions.get() {
        set(init, "encodeBody", &"manual".into());
    }
    if let Some(cf) = extensions.get::<worker::CfResponseProperties>() {
        set(init, "cf", &cf.clone().into_raw());
    }
}

/// Converts a request to one of the platform.
pub(super) fn request_to_js(request: Request) -> Result<JsValue, Failure> {
    let (parts, body) = request.into_parts();
    let init = Object::new();
    set(&init, "method", &JsValue::from_str(parts.method.as_str()));
    set(&init, "headers", &headers_to_js(&parts.headers)?);
    if let Some(Origin(origin)) = parts.extensions.get() {
        for property in ["cf", "redirect", "signal"] {
            let value = get(origin.value(), property);
            if !value.is_undefined() && !value.is_null() {
                set(&init, property, &value);
            }
        }
    }
    match body_to_js(body) {
        JsContent::Bytes(bytes) if bytes.is_null() => {}
        JsContent::Bytes(bytes) => set(&init, "body", &bytes),
        JsContent::Stream(stream) => {
            let stream = match content_length(&parts.headers) {
                Some(length) => with_length(&stream, length)?,
                None => stream,
            };
            set(&init, "body", &stream);
            set(&init, "duplex", &"half".into());
        }
    }
    let url = JsValue::from_str(&parts.uri.to_string());
    construct("Request", &Array::of2(&url, &init))
}

fn set(object: &Object, name: &str, value: &JsValue) {
    // Setting a property of a plain object cannot fail.
    let _ = Reflect::set(object, &JsValue::from_str(name), value);
}

/// Pipes a body through a stream of fixed length.
///
/// The platform removes the `Content-Length` of a body of any other stream.
///
/// <https://developers.cloudflare.com/workers/runtime-apis/streams/transformstream/#fixedlengthstream>
pub(super) fn with_length(body: &JsValue, length: u64) -> Result<JsValue, Failure> {
    let length = JsValue::from_f64(length as f64);
    let stream = construct("FixedLengthStream", &Array::of1(&length))?;
    call(body, "pipeThrough", &[stream])
}

/// The content of a body.
pub(super) enum JsContent {
    /// Bytes, or null.
    Bytes(JsValue),
    Stream(JsValue),
}

/// Converts a body: as bytes if all of it is in memory.
pub(super) fn body_to_js(mut body: Body) -> JsContent {
    if body.is_end_stream() {
        return JsContent::Bytes(JsValue::NULL);
    }
    if let Some(stream) = take_stream(&mut body) {
        return JsContent::Stream(stream);
    }

    let mut context = Context::from_waker(Waker::noop());
    let first = match Pin::new(&mut body).poll_frame(&mut context) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        Poll::Ready(None) => return JsContent::Bytes(JsValue::NULL),
        // Few bodies return an error again.
        Poll::Ready(Some(Err(error))) => return stream_to_js(Some(Err(error)), body),
        Poll::Pending => return stream_to_js(None, body),
    };
    if body.is_end_stream() {
        return JsContent::Bytes(Uint8Array::from(&*first).into());
    }
    stream_to_js(Some(Ok(first)), body)
}

/// Converts a body, of which the first chunk may have been read.
fn stream_to_js(first: Option<Result<Bytes, axum_core::Error>>, rest: Body) -> JsContent {
    let chunks = Chunks {
        first,
        rest: rest.into_data_stream(),
    };
    let stream = wasm_streams::ReadableStream::from_stream(chunks);
    JsContent::Stream(stream.into_raw().into())
}

/// The chunks of a body as JavaScript values.
///
/// One type for all bodies: each stream that is passed to JavaScript would have its own code.
struct Chunks {
    first: Option<Result<Bytes, axum_core::Error>>,
    rest: BodyDataStream,
}

impl Stream for Chunks {
    type Item = Result<JsValue, JsValue>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<JsValue, JsValue>>> {
        let chunk = match self.first.take() {
            Some(chunk) => Some(chunk),
            None => ready!(self.rest.poll_next_unpin(context)),
        };
        Poll::Ready(chunk.map(|chunk| match chunk {
            Ok(bytes) => Ok(Uint8Array::from(&*bytes).into()),
            Err(error) => Err(js_sys::Error::new(&error.to_string()).into()),
        }))
    }
}
