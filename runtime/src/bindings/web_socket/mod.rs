//! WebSockets: of a Durable Object, and of the worker itself.
//!
//! An object accepts the socket of a request in its `fetch`, and the platform calls
//! `web_socket_message` of its class for each message. While no message arrives, the object can be
//! evicted, and the clients stay connected: it hibernates. What it has to remember about a client
//! is the attachment of the socket. [`upgrade`] accepts one without an object, for a conversation
//! with one client.
//!
//! <https://developers.cloudflare.com/durable-objects/best-practices/websockets/>

mod connection;

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend;
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::json;
use crate::limits::durable_object as limits;

pub use connection::{Connection, upgrade};

/// The connection of a Durable Object to one client.
///
/// Clones are the same connection.
#[derive(Clone)]
pub struct WebSocket(backend::WebSocket);

impl fmt::Debug for WebSocket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WebSocket").finish_non_exhaustive()
    }
}

impl WebSocket {
    pub(crate) fn new(backend: backend::WebSocket) -> Self {
        Self(backend)
    }

    /// Sends a message. It returns before the client has received it.
    ///
    /// # Errors
    /// `Unavailable` if the connection is closed. `TooLarge` if the message has more than 32 MiB.
    ///
    /// # Examples
    /// ```
    /// # fn f(socket: bindery::web_socket::WebSocket) -> bindery::Result<()> {
    /// socket.send("welcome")?;
    /// # Ok(()) }
    /// ```
    pub fn send(&self, message: impl Into<Message>) -> Result<()> {
        self.send_message(&message.into()).map_err(located)
    }

    /// Sends a value as JSON, in a message of text.
    ///
    /// # Errors
    /// See [`send`](Self::send). `InvalidArgument` if the value cannot be serialized as JSON, or
    /// contains an integer beyond ±(2^53 − 1), which JavaScript would round.
    pub fn send_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<()> {
        let message = json::encode("the message", value).map(Message::Text);
        let sent = message.and_then(|message| self.send_message(&message));
        sent.map_err(located)
    }

    fn send_message(&self, message: &Message) -> Result<(), Failure> {
        check_length(message)?;
        self.0.send(message)
    }

    /// Closes the connection. `code` is 1000, or from 3000 to 4999.
    ///
    /// # Errors
    /// `InvalidArgument` if `code` is another number, or `reason` has more than 123 bytes.
    pub fn close(&self, code: u16, reason: &str) -> Result<()> {
        let checked = check_close(code, reason);
        let closed = checked.and_then(|()| self.0.close(code, reason));
        closed.map_err(located)
    }

    /// Returns what [`set_attachment`](Self::set_attachment) has stored, or `None`.
    ///
    /// # Errors
    /// `Decode` if the value has another type.
    pub fn attachment<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let json = self.0.attachment().map_err(located)?;
        let value = json.map(|json| json::parse(&json)).transpose();
        value.map_err(|error| {
            let message = format!("the attachment does not have the expected type: {error}");
            located(Failure::new(ErrorKind::Decode, message))
        })
    }

    /// Stores a value that belongs to the connection, and that the object still has after it was
    /// evicted.
    ///
    /// # Errors
    /// `TooLarge` if the value has more than 2,048 bytes as JSON.
    ///
    /// # Examples
    /// ```
    /// # fn f(socket: bindery::web_socket::WebSocket) -> bindery::Result<()> {
    /// socket.set_attachment("ann")?;
    /// let user: Option<String> = socket.attachment()?;
    /// # Ok(()) }
    /// ```
    pub fn set_attachment<T: Serialize + ?Sized>(&self, value: &T) -> Result<()> {
        let json = json::encode("the attachment", value).map_err(located)?;
        if json.len() > limits::ATTACHMENT_BYTES {
            let message = format!(
                "the attachment has {} bytes, and the limit is {}; store it in the storage of the \
                 object",
                json.len(),
                limits::ATTACHMENT_BYTES
            );
            return Err(located(Failure::new(ErrorKind::TooLarge, message)));
        }
        self.0.set_attachment(&json).map_err(located)
    }

    /// Returns the tags with which the socket was accepted.
    ///
    /// # Errors
    /// Any error of the platform.
    pub fn tags(&self) -> Result<Vec<String>> {
        self.0.tags().map_err(located)
    }
}

fn check_length(message: &Message) -> Result<(), Failure> {
    let length = message.as_bytes().len();
    if length <= limits::MESSAGE_BYTES {
        return Ok(());
    }
    let message = format!(
        "the message has {length} bytes, and the limit is {}; see {}",
        limits::MESSAGE_BYTES,
        limits::PAGE
    );
    Err(Failure::new(ErrorKind::TooLarge, message))
}

fn check_close(code: u16, reason: &str) -> Result<(), Failure> {
    let is_code = code == 1000 || (3000..5000).contains(&code);
    if is_code && reason.len() <= limits::REASON_BYTES {
        return Ok(());
    }
    let message = "the code of a close is 1000, or from 3000 to 4999, and its reason has at most \
                   123 bytes";
    Err(Failure::new(ErrorKind::InvalidArgument, message))
}

fn located(failure: Failure) -> Error {
    Error::of_worker("web_socket", failure)
}

/// A message of a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    /// Returns the text, or `None` if the message is one of bytes.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// Returns the content.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Decodes the content as JSON.
    ///
    /// # Errors
    /// `InvalidArgument` if it is not JSON of the type.
    ///
    /// # Examples
    /// ```
    /// # fn f(message: bindery::web_socket::Message) -> bindery::Result<()> {
    /// let numbers: Vec<u32> = message.json()?;
    /// # Ok(()) }
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        json::parse_bytes(self.as_bytes()).map_err(|error| {
            let message = format!("the message does not match its type: {error}");
            located(Failure::new(ErrorKind::InvalidArgument, message))
        })
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

/// How a connection was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Close {
    /// The code: 1000 for a normal end, 1001 if the client goes away, 1005 if it sent none, and
    /// 1006 if the connection was lost.
    pub code: u16,
    /// The reason that the client has given; often empty.
    pub reason: String,
}

impl Close {
    /// A close with a code.
    #[must_use]
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }
}
