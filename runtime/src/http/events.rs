//! Server-sent events: a response to which events are added while the client reads it.

use std::fmt::{self, Write};
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::{Stream, StreamExt, stream};
use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;

use super::{Body, IntoResponse, Response};
use crate::error::{Error, Result};
use crate::{backend, json, time};

/// The time without an event after which the client is sent a comment.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A comment, which browsers ignore.
const COMMENT: &str = ":\n\n";

/// An event of an [`EventStream`].
///
/// <https://html.spec.whatwg.org/multipage/server-sent-events.html>
///
/// # Examples
/// ```
/// use bindery::http::ServerSentEvent;
///
/// let event = ServerSentEvent::new("two\nlines").event("note").id("7");
/// assert_eq!(event.to_string(), "event: note\nid: 7\ndata: two\ndata: lines\n\n");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerSentEvent {
    /// The lines before the data.
    fields: String,
    data: String,
}

impl ServerSentEvent {
    /// Returns an event with a text, which can have several lines.
    #[must_use]
    pub fn new(data: impl Into<String>) -> Self {
        Self {
            fields: String::new(),
            data: data.into(),
        }
    }

    /// Returns an event with a value as JSON.
    ///
    /// # Errors
    /// `InvalidArgument` if the value cannot be serialized as JSON, or contains an integer beyond
    /// ±(2^53 − 1), which JavaScript would round.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let data = json::encode("the event", value);
        let located = |failure| Error::of_worker("event_stream", failure);
        data.map(Self::new).map_err(located)
    }

    /// Sets the name, for `addEventListener` of a browser: by default `message`.
    #[must_use]
    pub fn event(self, name: &str) -> Self {
        self.field("event", name)
    }

    /// Sets the id. A browser that connects again sends the last one: see
    /// [`EventStream::last_id`].
    #[must_use]
    pub fn id(self, id: &str) -> Self {
        self.field("id", id)
    }

    /// Sets the time after which the browser connects again when the connection is lost.
    #[must_use]
    pub fn retry(self, delay: Duration) -> Self {
        self.field("retry", &delay.as_millis().to_string())
    }

    /// A field has one line.
    fn field(mut self, name: &str, value: &str) -> Self {
        let value = value.replace(['\r', '\n', '\0'], " ");
        let _ = writeln!(self.fields, "{name}: {value}");
        self
    }
}

/// The text of the protocol.
impl fmt::Display for ServerSentEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.fields)?;
        for line in self.data.replace("\r\n", "\n").split(['\n', '\r']) {
            writeln!(formatter, "data: {line}")?;
        }
        formatter.write_char('\n')
    }
}

/// A response whose events the client receives one by one.
///
/// The stream ends when the client goes away. An error ends the response and is logged, and a
/// browser connects again.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use bindery::http::{EventStream, ServerSentEvent};
/// use bindery::time;
/// use futures_util::{StreamExt, stream};
///
/// async fn clock() -> EventStream {
///     let ticks = stream::iter(0..).then(|tick: u32| async move {
///         time::sleep(Duration::from_secs(1)).await;
///         ServerSentEvent::json(&tick)
///     });
///     EventStream::new(ticks)
/// }
/// ```
pub struct EventStream {
    events: Pin<Box<dyn Stream<Item = Result<ServerSentEvent>> + Send>>,
    keep_alive: Duration,
}

impl fmt::Debug for EventStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EventStream")
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}

impl EventStream {
    /// Returns a response with the events of a stream.
    pub fn new(events: impl Stream<Item = Result<ServerSentEvent>> + Send + 'static) -> Self {
        Self {
            events: Box::pin(events),
            keep_alive: KEEP_ALIVE,
        }
    }

    /// Sets the time without an event after which a comment is sent, so that nothing between the
    /// worker and the client takes the connection for dead: by default 15 seconds.
    #[must_use]
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        self.keep_alive = interval;
        self
    }

    /// Returns the id of the last event that a browser received before it lost the connection.
    #[must_use]
    pub fn last_id(headers: &HeaderMap) -> Option<&str> {
        let id = headers.get(HeaderName::from_static("last-event-id"))?;
        id.to_str().ok()
    }

    /// Returns the next text, and the rest.
    async fn next(mut self) -> Option<(Result<Bytes>, Self)> {
        let keep_alive = pin!(time::sleep(self.keep_alive));
        let event = match select(self.events.next(), keep_alive).await {
            Either::Left((event, _)) => event?,
            Either::Right(_) => return Some((Ok(Bytes::from_static(COMMENT.as_bytes())), self)),
        };
        let text = event.map(|event| Bytes::from(event.to_string()));
        if let Err(error) = &text {
            backend::log_line(&format!("error: a stream of events failed: {error}"));
        }
        Some((text, self))
    }
}

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        let body = Body::from_stream(stream::unfold(self, Self::next));
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static("text/event-stream");
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_cannot_add_lines() {
        let event = ServerSentEvent::new("a\r\nb\rc\n").id("1\ndata: x");
        let event = event.retry(Duration::from_secs(2));
        let expected = "id: 1 data: x\nretry: 2000\ndata: a\ndata: b\ndata: c\ndata: \n\n";
        assert_eq!(event.to_string(), expected);
    }
}
