//! The classes: what the attribute `durable_object` implements.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use super::{State, Stub};
use crate::app::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::http::{IntoResponse, Request, Response};
#[cfg(feature = "web-sockets")]
use crate::web_socket::{Close, Message, WebSocket};

/// A Durable Object class. Implemented by
/// [`#[bindery::durable_object]`](macro@crate::durable_object).
///
/// The calls of one object run on one thread, and take turns where they wait.
pub trait DurableObject: Sized + 'static {
    /// The environment of the worker.
    type Env: Environment;

    /// The client, which has the public methods of the class.
    type Client: From<Stub>;

    /// Whether the class has an alarm handler.
    #[doc(hidden)]
    const HAS_ALARM: bool;

    /// Whether callers have methods of the class. What it does not have is not linked.
    #[doc(hidden)]
    const HAS_METHODS: bool;

    /// Whether the class receives messages of WebSockets.
    #[doc(hidden)]
    const HAS_WEB_SOCKETS: bool;

    /// Creates an object for its first call, and again after it was evicted.
    #[doc(hidden)]
    fn create(state: State, env: Self::Env) -> Result<Self>;

    /// Calls a public method with JSON arguments. Returns its result as JSON.
    #[doc(hidden)]
    fn call(
        self: Rc<Self>,
        method: &str,
        arguments: String,
    ) -> LocalBoxFuture<'static, Result<String>>;

    /// Responds to a request.
    #[doc(hidden)]
    fn fetch(self: Rc<Self>, _: Request) -> LocalBoxFuture<'static, Response> {
        Box::pin(async {
            let message = "the class of the object has no `fetch`";
            Error::worker("fetch", ErrorKind::Unsupported, message).into_response()
        })
    }

    /// Receives a message.
    #[cfg(feature = "web-sockets")]
    #[doc(hidden)]
    fn web_socket_message(
        self: Rc<Self>,
        _: WebSocket,
        _: Message,
    ) -> LocalBoxFuture<'static, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// Learns that a connection is closed.
    #[cfg(feature = "web-sockets")]
    #[doc(hidden)]
    fn web_socket_close(
        self: Rc<Self>,
        _: WebSocket,
        _: Close,
    ) -> LocalBoxFuture<'static, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// Runs the alarm handler.
    #[doc(hidden)]
    fn alarm(self: Rc<Self>, _: AlarmInfo) -> LocalBoxFuture<'static, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// An alarm that fires.
///
/// An alarm handler can receive it as an argument.
///
/// <https://developers.cloudflare.com/durable-objects/api/alarms/>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AlarmInfo {
    /// How many earlier attempts have failed.
    pub retry_count: u32,
}

impl AlarmInfo {
    /// An alarm whose first `retry_count` attempts have failed.
    #[must_use]
    pub fn new(retry_count: u32) -> Self {
        Self { retry_count }
    }

    /// Whether an earlier attempt has failed.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        self.retry_count > 0
    }
}
