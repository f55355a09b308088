//! What a queue carries: JSON, text or bytes.

use serde::Serialize;

use crate::error::Failure;
use crate::{json, limits};

/// The content of a message.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq)]
pub struct Content(pub(crate) Body);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Json(String),
    /// A consumer receives it as it does a text in JSON. A pull consumer receives the plain text.
    Text(String),
    Bytes(Vec<u8>),
}

/// A message of the queue of one binding. Derive it with [`Message`](macro@crate::Message): it is
/// sent as JSON.
///
/// A text is a message of every queue, with the content type `text`, and so are bytes. Their
/// consumers declare `String` and `Vec<u8>`. A `serde_json::Value` is one as well, for messages
/// whose type is only known at run time.
///
/// <https://developers.cloudflare.com/queues/configuration/javascript-apis/#queuescontenttype>
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message of this queue",
    label = "not a message of this queue",
    note = "derive `bindery::Message` with `#[message(binding = ...)]` of the binding that sends \
            to this queue"
)]
pub trait MessageOf<Name> {
    #[doc(hidden)]
    fn content(&self) -> Result<Content, Failure>;
}

impl<Name, T: MessageOf<Name> + ?Sized> MessageOf<Name> for &T {
    fn content(&self) -> Result<Content, Failure> {
        (**self).content()
    }
}

impl<Name> MessageOf<Name> for serde_json::Value {
    fn content(&self) -> Result<Content, Failure> {
        json_content(self)
    }
}

impl<Name> MessageOf<Name> for str {
    fn content(&self) -> Result<Content, Failure> {
        checked(Body::Text(self.to_owned()))
    }
}

impl<Name> MessageOf<Name> for String {
    fn content(&self) -> Result<Content, Failure> {
        checked(Body::Text(self.clone()))
    }
}

impl<Name> MessageOf<Name> for [u8] {
    fn content(&self) -> Result<Content, Failure> {
        checked(Body::Bytes(self.to_vec()))
    }
}

impl<Name> MessageOf<Name> for Vec<u8> {
    fn content(&self) -> Result<Content, Failure> {
        checked(Body::Bytes(self.clone()))
    }
}

/// Encodes a message as JSON and checks its size.
#[doc(hidden)]
pub fn json_content<T: Serialize + ?Sized>(message: &T) -> Result<Content, Failure> {
    checked(Body::Json(json::encode("the message", message)?))
}

fn checked(body: Body) -> Result<Content, Failure> {
    let page = limits::queue::PAGE;
    limits::bytes(
        "the message",
        body.len(),
        limits::queue::MESSAGE_BYTES,
        page,
    )?;
    Ok(Content(body))
}

impl Body {
    /// The number of bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(text) | Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}
