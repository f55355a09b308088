//! WebSockets of the worker itself, on Workers.

use std::future::Future;

use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::{ErrorKind, Failure};
use crate::http::Response;
use crate::web_socket::{Close, Message};

use super::Context;
use super::js::{Handle, call, call_async, failure, get, get_number, get_text, send};
use super::task::spawn;
use super::web_socket::{message_from_js, switching_protocols};

#[wasm_bindgen(module = "/src/backend/worker/connection.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = openConnection)]
    fn open_connection() -> Result<JsValue, JsValue>;
}

/// The connection to one client.
pub(crate) struct Connection {
    /// The object of `openConnection`.
    ends: Handle,
    socket: Handle,
}

/// Closes a connection.
pub(crate) struct Closer(Handle);

impl Closer {
    /// Closing twice does nothing.
    pub(crate) fn close(&self, code: u16, reason: &str) {
        let arguments = [JsValue::from(code), JsValue::from_str(reason)];
        let _ = call(self.0.value(), "close", &arguments);
    }
}

/// What a connection receives.
pub(crate) enum Received {
    Message(Message),
    Close(Close),
}

impl Connection {
    /// Runs a task with a new connection. Returns the response that connects the client.
    ///
    /// The platform keeps the request alive as long as the connection is open.
    pub(crate) fn open<F: Future<Output = ()> + Send + 'static>(
        _: &Context,
        run: impl FnOnce(Self) -> F,
    ) -> Result<Response, Failure> {
        let ends = open_connection().map_err(|error| failure(&error))?;
        let client = get(&ends, "client");
        let connection = Self {
            socket: Handle::new(get(&ends, "socket")),
            ends: Handle::new(ends),
        };
        spawn(run(connection));
        Ok(switching_protocols(client))
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

    pub(crate) fn close(&self, code: u16, reason: &str) {
        self.closer().close(code, reason);
    }

    pub(crate) fn closer(&self) -> Closer {
        Closer(self.socket.clone())
    }

    /// Waits for the next message, or the close of the connection.
    pub(crate) async fn next(&mut self) -> Received {
        send(async {
            let Ok(next) = call_async(self.ends.value(), "next", &[]).await else {
                return Received::Close(Close::new(1006, ""));
            };
            match get_number(&next, "code") {
                Some(code) => {
                    let reason = get_text(&next, "reason").unwrap_or_default();
                    Received::Close(Close::new(code as u16, reason))
                }
                None => Received::Message(message_from_js(&get(&next, "data"))),
            }
        })
        .await
    }
}
