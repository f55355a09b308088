//! The WebSockets of an object on Workers.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;

use crate::error::{ErrorKind, Failure};
use crate::http::{Body, Response};
use crate::web_socket::Message;

use super::js::{Handle, call, failure, parse, stringify};
use super::platform;

/// The end of a client, which the response to its request carries.
#[derive(Clone)]
pub(super) struct ClientSocket(pub(super) Handle);

/// The end of the object.
#[derive(Clone)]
pub(crate) struct WebSocket {
    socket: Handle,
    /// The state of the object, which knows the tags.
    state: Handle,
}

impl WebSocket {
    pub(super) fn new(socket: JsValue, state: &JsValue) -> Self {
        Self {
            socket: Handle::new(socket),
            state: Handle::new(state.clone()),
        }
    }

    /// Accepts a socket for an object. Returns it with the response that connects the client.
    pub(super) fn accept(state: &JsValue, tags: &[&str]) -> Result<(Self, Response), Failure> {
        let tags: Array = tags.iter().map(|tag| JsValue::from_str(tag)).collect();
        let ends = platform::accept_socket(state, &tags).map_err(|error| failure(&error))?;

        let response = switching_protocols(ends.get(1));
        Ok((Self::new(ends.get(0), state), response))
    }

    pub(crate) fn send(&self, message: &Message) -> Result<(), Failure> {
        let content = match message {
            Message::Text(text) => JsValue::from_str(text),
            Message::Binary(bytes) => Uint8Array::from(&**bytes).into(),
        };
        let sent = call(self.socket.value(), "send", &[content]);
        sent.map_err(|failure| failure.of_kind(ErrorKind::Unavailable))?;
        Ok(())
    }

    pub(crate) fn close(&self, code: u16, reason: &str) -> Result<(), Failure> {
        let arguments = [JsValue::from(code), JsValue::from_str(reason)];
        // Closing twice does nothing.
        let _ = call(self.socket.value(), "close", &arguments);
        Ok(())
    }

    pub(crate) fn attachment(&self) -> Result<Option<String>, Failure> {
        let value = call(self.socket.value(), "deserializeAttachment", &[])?;
        // Without an attachment the platform returns null.
        Ok(stringify(&value).filter(|json| json != "null"))
    }

    pub(crate) fn set_attachment(&self, json: &str) -> Result<(), Failure> {
        call(self.socket.value(), "serializeAttachment", &[parse(json)?])?;
        Ok(())
    }

    pub(crate) fn tags(&self) -> Result<Vec<String>, Failure> {
        let arguments = [self.socket.value().clone()];
        let tags = call(self.state.value(), "getTags", &arguments)?;
        let tags = Array::from(&tags);
        Ok(tags.iter().filter_map(|tag| tag.as_string()).collect())
    }
}

/// The response that connects a client.
pub(super) fn switching_protocols(client: JsValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    let client = ClientSocket(Handle::new(client));
    response.extensions_mut().insert(client);
    response
}

/// Converts a message of the platform.
pub(super) fn message_from_js(message: &JsValue) -> Message {
    match message.as_string() {
        Some(text) => Message::Text(text),
        None => Message::Binary(Uint8Array::new(message).to_vec().into()),
    }
}
