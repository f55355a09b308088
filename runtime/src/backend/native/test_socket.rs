//! A client of a WebSocket in a test.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Failure, Result};
use crate::http::Response;
use crate::json;
use crate::web_socket::{Close, Message};

use super::durable_object::{ClientSocket, Outgoing, Upgrade};

/// How long a test waits for a message.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A client that is connected to a Durable Object or to the worker. See
/// [`TestWorld::web_socket`](crate::TestWorld::web_socket).
pub struct TestSocket {
    client: Option<ClientSocket>,
    /// Answers that came without the object.
    answers: VecDeque<Message>,
    close: Option<Close>,
}

impl fmt::Debug for TestSocket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TestSocket").finish_non_exhaustive()
    }
}

impl TestSocket {
    /// Takes the connection out of the response to a request.
    pub(super) fn of(mut response: Response) -> Result<Self> {
        let upgrade = response.extensions_mut().remove::<Upgrade>();
        let client = upgrade.and_then(|upgrade| upgrade.take());
        if client.is_none() {
            let message = format!(
                "the response has the status {}, and accepts no WebSocket",
                response.status().as_u16()
            );
            return Err(located(ErrorKind::InvalidArgument, message));
        }
        Ok(Self {
            client,
            answers: VecDeque::new(),
            close: None,
        })
    }

    /// Sends a message to the object.
    pub fn send(&mut self, message: impl Into<Message>) {
        let answer = self
            .client
            .as_mut()
            .map(|client| client.receive(message.into()));
        self.answers.extend(answer.flatten());
    }

    /// Sends a value as JSON.
    ///
    /// # Errors
    /// `InvalidArgument` if it cannot be serialized.
    pub fn send_json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let text = json::encode("the message", value);
        self.send(text.map_err(|failure| Error::of_worker("web_socket", failure))?);
        Ok(())
    }

    /// Waits for the next message. Returns `None` when the worker has closed the connection.
    ///
    /// # Panics
    /// Panics if no message arrives within ten seconds.
    pub async fn next(&mut self) -> Option<Message> {
        if let Some(answer) = self.answers.pop_front() {
            return Some(answer);
        }
        let next = self.client.as_mut()?.next();
        #[expect(
            clippy::panic,
            reason = "it fails the test, which would not end otherwise"
        )]
        let Ok(next) = tokio::time::timeout(LONGEST_WAIT, next).await else {
            panic!("no message has arrived at the socket within ten seconds");
        };
        match next {
            Some(Outgoing::Message(message)) => Some(message),
            Some(Outgoing::Close(close)) => {
                self.close = Some(close.clone());
                self.client.take()?.closed(close);
                None
            }
            None => {
                self.client = None;
                None
            }
        }
    }

    /// Waits for the next message, and decodes it as JSON.
    ///
    /// # Errors
    /// `Unavailable` if the connection is closed, `InvalidArgument` if the message has another
    /// type.
    pub async fn next_json<T: DeserializeOwned>(&mut self) -> Result<T> {
        let message = self.next().await;
        let closed = || {
            located(
                ErrorKind::Unavailable,
                "the connection is closed".to_owned(),
            )
        };
        message.ok_or_else(closed)?.json()
    }

    /// How the object has closed the connection. `None` if it has not, or was reset.
    #[must_use]
    pub fn closed(&self) -> Option<&Close> {
        self.close.as_ref()
    }

    /// Closes the connection.
    pub fn close(&mut self, code: u16, reason: &str) {
        if let Some(client) = self.client.take() {
            client.closed(Close::new(code, reason));
        }
    }
}

/// A client that goes away without a word.
impl Drop for TestSocket {
    fn drop(&mut self) {
        self.close(1006, "");
    }
}

fn located(kind: ErrorKind, message: String) -> Error {
    Error::of_worker("web_socket", Failure::new(kind, message))
}
