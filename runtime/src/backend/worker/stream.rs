//! Streams of bytes between Rust and JavaScript.

use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::{Array, Function, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::bindings::content::Upload;
use crate::error::{ErrorKind, Failure};
use crate::http::Body;

use super::js::{call, call_async, failure, get};

/// A body that reads a `ReadableStream`. Any other value is an empty body.
pub(super) fn body_of(stream: &JsValue) -> Body {
    match stream.dyn_ref::<web_sys::ReadableStream>() {
        Some(stream) => Body::new(worker::Body::new(stream.clone())),
        None => Body::empty(),
    }
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
    let constructor = get(&js_sys::global(), "FixedLengthStream");
    let constructor: Function = constructor.dyn_into().map_err(|_| {
        let message = "the platform has no `FixedLengthStream`";
        Failure::new(ErrorKind::Unsupported, message)
    })?;
    let arguments = Array::of1(&JsValue::from_f64(length as f64));
    let stream = Reflect::construct(&constructor, &arguments).map_err(|error| failure(&error))?;
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
