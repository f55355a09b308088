//! Requests and responses between Rust and JavaScript.
//!
//! A header costs several calls into JavaScript, so the headers cross together, as text. A body
//! that is in memory is not sent as a stream, and a stream of JavaScript that nobody has read is
//! handed on as it is.

use std::pin::Pin;
use std::str::Split;
use std::task::{Context, Poll, Waker, ready};

use axum_core::body::BodyDataStream;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::uri::InvalidUri;
use http::{Extensions, Method, StatusCode};
use http_body::Body as _;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

use crate::error::{ErrorKind, Failure};
use crate::http::{Body, Request, Response};

use super::js::{Handle, failure, get, object, optional};
use super::platform;
use super::stream::{JsBody, Length, take_stream, with_length};
#[cfg(feature = "web-sockets")]
use super::web_socket::ClientSocket;

/// Converts a request of the platform.
pub(super) fn request_from_js(request: &web_sys::Request) -> Result<Request, Failure> {
    let parts = platform::request_parts(request).map_err(|error| failure(&error))?;
    let mut lines = parts.split('\n');
    let method = lines.next().unwrap_or_default();
    let uri = lines.next().unwrap_or_default();
    let headers = headers_from_lines(lines)?;

    let mut converted = Request::new(body_from_js(request.body(), &headers));
    *converted.method_mut() =
        Method::from_bytes(method.as_bytes()).map_err(|error| malformed("method", error))?;
    *converted.uri_mut() = uri
        .parse()
        .map_err(|error: InvalidUri| malformed("URL", error))?;
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
    let parts = platform::response_parts(&response).map_err(|error| failure(&error))?;
    let mut lines = parts.split('\n');
    let status = lines.next().unwrap_or_default();
    let headers = headers_from_lines(lines)?;

    let mut converted = Response::new(body_from_js(response.body(), &headers));
    *converted.status_mut() =
        StatusCode::from_bytes(status.as_bytes()).map_err(|error| malformed("status", error))?;
    *converted.headers_mut() = headers;
    let socket = get(&response, "webSocket").dyn_into::<web_sys::WebSocket>();
    if let Ok(socket) = socket {
        let socket = worker::WebSocket::from(socket);
        converted.extensions_mut().insert(socket);
    }
    #[cfg(feature = "web-sockets")]
    if converted.status() == StatusCode::SWITCHING_PROTOCOLS {
        let socket = ClientSocket(Handle::new(get(&response, "webSocket")));
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
            Body::new(JsBody::new(stream, Length::declared(length)))
        }
        None => Body::empty(),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Reads headers from lines of names and values. The platform decodes the values as UTF-8.
fn headers_from_lines(mut lines: Split<'_, char>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|error| malformed("name of a header", error))?;
        let value = HeaderValue::from_bytes(value.as_bytes());
        let value = value.map_err(|error| malformed("value of a header", error))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Writes headers as lines. The platform encodes values as UTF-8, so it cannot send other bytes,
/// which become characters.
fn header_lines(headers: &HeaderMap) -> String {
    let mut lines = String::new();
    for (name, value) in headers {
        let bytes = value.as_bytes();
        match std::str::from_utf8(bytes) {
            Ok(text) => add_header(&mut lines, name.as_str(), text),
            Err(_) => {
                let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
                add_header(&mut lines, name.as_str(), &text);
            }
        }
    }
    lines
}

/// Adds a header to the lines for `platform.js`. The name and the value have no line breaks.
pub(super) fn add_header(lines: &mut String, name: &str, value: &str) {
    for text in [name, value] {
        lines.push_str(text);
        lines.push('\n');
    }
}

/// Converts a response to one of the platform.
pub(super) fn response_to_js(response: Response) -> Result<JsValue, Failure> {
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    let headers = header_lines(&parts.headers);
    let others = match parts.extensions.is_empty() {
        true => JsValue::UNDEFINED,
        false => members_of(&parts.extensions),
    };

    // The platform throws for a body beside these.
    let has_body = !matches!(status, 101 | 204 | 205 | 304);
    let converted = match body_to_js(body) {
        JsContent::Bytes(bytes) if has_body => {
            platform::create_response_of_bytes(&bytes, status, &headers, &others)
        }
        JsContent::Stream(stream, length) if has_body => {
            let stream = of_length(stream, length, &parts.headers)?;
            platform::create_response(&stream, status, &headers, &others)
        }
        _ => platform::create_response(&JsValue::NULL, status, &headers, &others),
    };
    converted.map_err(|error| failure(&error))
}

/// What the extensions of the `worker` crate stand for, as members of an init object.
fn members_of(extensions: &Extensions) -> JsValue {
    let socket = extensions.get::<worker::WebSocket>();
    let socket = socket.map(AsRef::<web_sys::WebSocket>::as_ref);
    let socket = socket.map(|socket| JsValue::from(socket.clone()));
    #[cfg(feature = "web-sockets")]
    let socket = socket.or_else(|| {
        let socket = extensions.get::<ClientSocket>();
        socket.map(|ClientSocket(socket)| socket.value().clone())
    });
    let is_encoded = matches!(extensions.get(), Some(worker::EncodeBody::Manual));
    let cf = extensions.get::<worker::CfResponseProperties>();
    object(&[
        ("webSocket", socket.unwrap_or_default()),
        ("encodeBody", optional(is_encoded.then_some("manual"))),
        ("cf", cf.map(|cf| cf.clone().into_raw()).into()),
    ])
}

/// Converts a request to one of the platform.
pub(super) fn request_to_js(request: Request) -> Result<JsValue, Failure> {
    let (parts, body) = request.into_parts();
    let content = match body_to_js(body) {
        JsContent::Empty => JsValue::NULL,
        JsContent::Bytes(bytes) => Uint8Array::from(&*bytes).into(),
        JsContent::Stream(stream, length) => of_length(stream, length, &parts.headers)?,
    };
    let origin = parts.extensions.get();
    let created = platform::create_request(
        &parts.uri.to_string(),
        parts.method.as_str(),
        &header_lines(&parts.headers),
        &content,
        origin.map_or(&JsValue::UNDEFINED, |Origin(origin)| origin.value()),
    );
    created.map_err(|error| failure(&error))
}

/// Gives a stream the length that the headers declare, unless the platform knows it.
fn of_length(stream: JsValue, known: Option<u64>, headers: &HeaderMap) -> Result<JsValue, Failure> {
    match content_length(headers) {
        Some(length) if known != Some(length) => with_length(&stream, length),
        _ => Ok(stream),
    }
}

/// The content of a body.
pub(super) enum JsContent {
    Empty,
    Bytes(Bytes),
    /// A stream, and its length if the platform knows it.
    Stream(JsValue, Option<u64>),
}

/// Converts a body: as bytes if all of it is in memory.
pub(super) fn body_to_js(mut body: Body) -> JsContent {
    if body.is_end_stream() {
        return JsContent::Empty;
    }
    if let Some((stream, length)) = take_stream(&mut body) {
        return JsContent::Stream(stream, length);
    }

    let mut context = Context::from_waker(Waker::noop());
    let first = match Pin::new(&mut body).poll_frame(&mut context) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        Poll::Ready(None) => return JsContent::Empty,
        // Few bodies return an error again.
        Poll::Ready(Some(Err(error))) => return stream_to_js(Some(Err(error)), body),
        Poll::Pending => return stream_to_js(None, body),
    };
    if body.is_end_stream() {
        return JsContent::Bytes(first);
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
    JsContent::Stream(stream.into_raw().into(), None)
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
