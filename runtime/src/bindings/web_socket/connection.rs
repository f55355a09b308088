//! WebSockets of the worker itself.

use std::fmt;
use std::future::Future;

use http::StatusCode;
use http::header::UPGRADE;
use serde::Serialize;

use super::{Close, Message, check_close, check_length, located};
use crate::app::Context;
use crate::backend::{self, Received};
use crate::error::{Error, Result};
use crate::http::{Body, IntoResponse, Request, Response};
use crate::json;
use crate::observe::Scope;

/// The code of a close because of an error.
const FAILED: u16 = 1011;

/// The connection of the worker itself to a client. [`upgrade`] passes it to a future.
pub struct Connection {
    backend: backend::Connection,
    close: Option<Close>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// Accepts the WebSocket that a request asks for, and runs a future with the connection. A request
/// that does not ask for one gets the status 426.
///
/// When the future ends, the connection is closed: with the code 1011 if it returns an error, which
/// is logged. Both end with the instance of the worker, so clients that should stay connected, or
/// that see each other, belong to a [Durable Object](mod@crate::durable_object).
///
/// <https://developers.cloudflare.com/workers/runtime-apis/websockets/>
///
/// # Examples
/// ```
/// use bindery::{Context, Request, Response, web_socket};
///
/// async fn echo(request: Request, context: Context) -> Response {
///     web_socket::upgrade(&request, &context, |mut client| async move {
///         while let Some(message) = client.next().await {
///             client.send(message)?;
///         }
///         Ok(())
///     })
/// }
/// ```
pub fn upgrade<F>(
    request: &Request,
    context: &Context,
    run: impl FnOnce(Connection) -> F,
) -> Response
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let upgrade = request.headers().get(UPGRADE);
    if !upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        let mut response = Response::new(Body::from("this path is a WebSocket\n"));
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        return response;
    }

    let scope = Scope::current().unwrap_or_default();
    let opened = backend::Connection::open(context.backend(), |backend| {
        let closer = backend.closer();
        let future = run(Connection {
            backend,
            close: None,
        });
        scope.run(async move {
            match future.await {
                Ok(()) => closer.close(1000, ""),
                Err(error) => {
                    backend::log_line(&format!("error: a WebSocket failed: {error}"));
                    closer.close(FAILED, "the worker failed");
                }
            }
        })
    });
    opened.unwrap_or_else(|failure| Error::of_worker("web_socket", failure).into_response())
}

impl Connection {
    /// Waits for the next message. Returns `None` when the connection is closed.
    pub async fn next(&mut self) -> Option<Message> {
        if self.close.is_some() {
            return None;
        }
        match self.backend.next().await {
            Received::Message(message) => Some(message),
            Received::Close(close) => {
                self.close = Some(close);
                None
            }
        }
    }

    /// Sends a message. It returns before the client has received it.
    ///
    /// # Errors
    /// `Unavailable` if the connection is closed. `TooLarge` if the message has more than 32 MiB.
    pub fn send(&self, message: impl Into<Message>) -> Result<()> {
        let message = message.into();
        check_length(&message)
            .and_then(|()| self.backend.send(&message))
            .map_err(located)
    }

    /// Sends a value as JSON, in a message of text.
    ///
    /// # Errors
    /// See [`send`](Self::send). `InvalidArgument` if the value cannot be serialized as JSON, or
    /// contains an integer beyond ±(2^53 − 1), which JavaScript would round.
    pub fn send_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<()> {
        self.send(json::encode("the message", value).map_err(located)?)
    }

    /// Closes the connection. `code` is 1000, or from 3000 to 4999.
    ///
    /// # Errors
    /// `InvalidArgument` if `code` is another number, or `reason` has more than 123 bytes.
    pub fn close(&self, code: u16, reason: &str) -> Result<()> {
        check_close(code, reason).map_err(located)?;
        self.backend.close(code, reason);
        Ok(())
    }

    /// Returns how the client has closed the connection. `None` while it is open.
    #[must_use]
    pub fn closed(&self) -> Option<&Close> {
        self.close.as_ref()
    }
}
