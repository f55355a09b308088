//! Streams of bytes between Rust and JavaScript.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::{Either, select};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_streams::readable::IntoStream;
use worker::send::SendWrapper;

use crate::bindings::content::Upload;
use crate::error::{ErrorKind, Failure};
use crate::http::Body;

use super::js::{call, call_async, failure, get, message, outcome, send};
use super::platform;

/// A body that reads a `ReadableStream`.
///
/// [`take_stream`] returns its stream if nothing was read from it.
pub(super) struct JsBody {
    state: SendWrapper<State>,
    /// The bytes that have not been read.
    length: Length,
}

/// The length of a `ReadableStream`.
#[derive(Clone, Copy)]
pub(super) enum Length {
    Unknown,
    /// A header declares the length. The platform does not know it if the stream comes from the
    /// JavaScript of another worker.
    Declared(u64),
    /// The platform knows the length.
    Known(u64),
}

impl Length {
    pub(super) fn declared(length: Option<u64>) -> Self {
        length.map_or(Self::Unknown, Self::Declared)
    }

    fn bytes(self) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Declared(length) | Self::Known(length) => Some(length),
        }
    }

    fn known(self) -> Option<u64> {
        match self {
            Self::Unknown | Self::Declared(_) => None,
            Self::Known(length) => Some(length),
        }
    }
}

enum State {
    Unread(web_sys::ReadableStream),
    Reading(IntoStream<'static>),
    Ended,
}

impl JsBody {
    pub(super) fn new(stream: web_sys::ReadableStream, length: Length) -> Self {
        Self {
            state: SendWrapper(State::Unread(stream)),
            length,
        }
    }
}

impl http_body::Body for JsBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let body = &mut *self;
        let state = &mut body.state.0;
        if let State::Unread(stream) = state {
            let stream = stream.clone();
            if HAND_OVER.with(|slot| slot.borrow_mut().accept(&stream, body.length)) {
                *state = State::Ended;
                return Poll::Ready(None);
            }
            let stream = wasm_streams::ReadableStream::from_raw(stream.unchecked_into());
            *state = match stream.try_into_stream() {
                Ok(stream) => State::Reading(stream),
                Err((error, _)) => {
                    *state = State::Ended;
                    let error = io::Error::other(message(&error.into()));
                    return Poll::Ready(Some(Err(error)));
                }
            };
        }
        let State::Reading(stream) = state else {
            return Poll::Ready(None);
        };

        let chunk = std::task::ready!(Pin::new(stream).poll_next(context));
        if !matches!(chunk, Some(Ok(_))) {
            *state = State::Ended;
        }
        Poll::Ready(chunk.map(|chunk| match chunk {
            Ok(chunk) => {
                let bytes = Bytes::from(platform::bytes_of(&chunk));
                let length = body.length.bytes();
                let rest = length.and_then(|length| length.checked_sub(bytes.len() as u64));
                body.length = Length::declared(rest);
                Ok(Frame::data(bytes))
            }
            Err(error) => Err(io::Error::other(message(&error))),
        }))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state.0, State::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        if matches!(self.state.0, State::Unread(_))
            && let Some(mark) = HAND_OVER.with(|slot| slot.borrow_mut().offer())
        {
            return SizeHint::with_exact(mark);
        }
        let length = self.length.bytes();
        length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A conversation with the [`JsBody`] inside a body, whose type other bodies hide.
///
/// A body is asked for its size, and offers its stream by returning a size that no content has. If
/// this size arrives, the bodies around it change nothing, because those that change the content do
/// not pass on its size. Then the body is polled, and gives its stream away instead of reading it.
enum HandOver {
    Idle,
    Asking,
    Offered,
    Taken(web_sys::ReadableStream, Length),
}

thread_local! {
    static HAND_OVER: RefCell<HandOver> = const { RefCell::new(HandOver::Idle) };
}

/// A size that no content has.
const MARK: u64 = u64::MAX - 0xb1d7;

impl HandOver {
    fn offer(&mut self) -> Option<u64> {
        matches!(self, Self::Asking | Self::Offered).then(|| {
            *self = Self::Offered;
            MARK
        })
    }

    fn accept(&mut self, stream: &web_sys::ReadableStream, length: Length) -> bool {
        let is_offered = matches!(self, Self::Offered);
        if is_offered {
            *self = Self::Taken(stream.clone(), length);
        }
        is_offered
    }
}

/// Returns the stream of JavaScript that a body consists of, if nothing was read from it, and its
/// length if the platform knows it. The body is then empty.
pub(super) fn take_stream(body: &mut Body) -> Option<(JsValue, Option<u64>)> {
    let replace = |state| HAND_OVER.with(|slot| slot.replace(state));
    replace(HandOver::Asking);
    if body.size_hint().exact() != Some(MARK) {
        replace(HandOver::Idle);
        return None;
    }

    let mut context = Context::from_waker(Waker::noop());
    let _ = Pin::new(body).poll_frame(&mut context);
    match replace(HandOver::Idle) {
        HandOver::Taken(stream, length) => Some((stream.into(), length.known())),
        HandOver::Idle | HandOver::Asking | HandOver::Offered => None,
    }
}

/// Reads all of a body: with one call if it is a stream of JavaScript.
pub(crate) async fn read_body(mut body: Body) -> Result<Bytes, Failure> {
    send(async {
        let ended_early = |error: &str| {
            let message = format!("the content ended early: {error}");
            Failure::new(ErrorKind::Unavailable, message)
        };
        let Some((stream, _)) = take_stream(&mut body) else {
            let collected = body.collect().await;
            let collected = collected.map_err(|error| ended_early(&error.to_string()))?;
            return Ok(collected.to_bytes());
        };
        let content = outcome(platform::content_of(&stream)).await;
        let content = content.map_err(|failure| ended_early(&failure.message))?;
        Ok(Bytes::from(platform::bytes_of(&content)))
    })
    .await
}

/// A body that reads a `ReadableStream`. Any other value is an empty body.
pub(super) fn body_of(stream: &JsValue, length: Length) -> Body {
    match stream.dyn_ref::<web_sys::ReadableStream>() {
        Some(stream) => Body::new(JsBody::new(stream.clone(), length)),
        None => Body::empty(),
    }
}

/// Pipes a body through a stream of fixed length.
///
/// <https://developers.cloudflare.com/workers/runtime-apis/streams/transformstream/#fixedlengthstream>
pub(super) fn with_length(body: &JsValue, length: u64) -> Result<JsValue, Failure> {
    let piped = platform::with_length(body, length as f64);
    piped.map_err(|error| failure(&error))
}

/// Calls `receive` with a stream of an upload's bytes, whose number is known.
///
/// An upload that fails, or is dropped, fails the stream. The length must be known: otherwise the
/// platform would take the end of a stream that failed for the end of the content.
pub(super) async fn send_stream<T>(
    mut upload: Upload<'_>,
    length: u64,
    receive: impl AsyncFnOnce(JsValue) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (readable, mut writer) = pipe(length)?;
    let receiving = pin!(receive(readable));
    let sending = pin!(async {
        while let Some(chunk) = upload.chunk().await? {
            writer.write(&chunk).await?;
        }
        writer.close().await
    });

    match select(sending, receiving).await {
        Either::Left((Ok(()), receiving)) => receiving.await,
        Either::Left((Err(failure), _)) => Err(failure),
        Either::Right((Err(failure), _)) => Err(failure),
        Either::Right((Ok(received), sending)) => sending.await.map(|()| received),
    }
}

/// The two ends of a stream that passes on what is written to it.
fn pipe(length: u64) -> Result<(JsValue, Writer), Failure> {
    let stream = platform::fixed_length_stream(length as f64);
    let stream = stream.map_err(|error| failure(&error))?;
    let writer = Writer {
        writer: call(&get(&stream, "writable"), "getWriter", &[])?,
        is_closed: false,
    };
    Ok((get(&stream, "readable"), writer))
}

/// A writer that fails its stream if it is dropped before it is closed.
struct Writer {
    writer: JsValue,
    is_closed: bool,
}

impl Writer {
    async fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        // The platform ends a stream at an empty chunk.
        if chunk.is_empty() {
            return Ok(());
        }
        let chunk = [Uint8Array::from(chunk).into()];
        call_async(&self.writer, "write", &chunk).await.map(drop)
    }

    async fn close(&mut self) -> Result<(), Failure> {
        call_async(&self.writer, "close", &[]).await?;
        self.is_closed = true;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_closed {
            let reason = js_sys::Error::new("the upload ended early").into();
            // The promise rejects where nobody waits for it.
            if let Ok(aborted) = call(&self.writer, "abort", &[reason]) {
                super::js::ignore(&aborted);
            }
        }
    }
}
