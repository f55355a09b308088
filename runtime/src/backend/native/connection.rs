//! WebSockets of the worker itself, natively: a task for each client.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{Either, select};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use crate::error::{ErrorKind, Failure};
use crate::http::Response;
use crate::web_socket::{Close, Message};

use super::Context;
use super::durable_object::{ClientSocket, Incoming, Outgoing, queue_message, switching_protocols};

/// The connection to one client.
pub(crate) struct Connection {
    incoming: UnboundedReceiver<Incoming>,
    /// The bytes of the messages that wait in `incoming`.
    unread: Arc<AtomicUsize>,
    outgoing: UnboundedSender<Outgoing>,
    /// The bytes of the messages that wait in `outgoing`.
    unsent: Arc<AtomicUsize>,
    /// Changes when the server stops.
    stopping: watch::Receiver<bool>,
}

/// Closes a connection.
pub(crate) struct Closer(UnboundedSender<Outgoing>);

impl Closer {
    /// Closing twice does nothing.
    pub(crate) fn close(&self, code: u16, reason: &str) {
        let _ = self.0.send(Outgoing::Close(Close::new(code, reason)));
    }
}

/// What a connection receives.
pub(crate) enum Received {
    Message(Message),
    Close(Close),
}

impl Connection {
    /// Runs a task with a new connection. Returns the response that connects the client.
    #[expect(clippy::unnecessary_wraps, reason = "the platform can refuse it")]
    pub(crate) fn open<F: Future<Output = ()> + Send + 'static>(
        context: &Context,
        run: impl FnOnce(Self) -> F,
    ) -> Result<Response, Failure> {
        let (to_task, incoming) = unbounded_channel();
        let (to_client, outgoing) = unbounded_channel();
        let (unread, unsent) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let client =
            ClientSocket::of_task(to_task, Arc::clone(&unread), outgoing, Arc::clone(&unsent));
        let connection = Self {
            incoming,
            unread,
            outgoing: to_client,
            unsent,
            stopping: context.stopping(),
        };
        context.wait_until(run(connection));
        Ok(switching_protocols(client))
    }

    pub(crate) fn send(&self, message: &Message) -> Result<(), Failure> {
        let outgoing = Outgoing::Message(message.clone());
        if queue_message(&self.unsent, message) && self.outgoing.send(outgoing).is_ok() {
            return Ok(());
        }
        let message = "the connection is closed, or the client does not read its messages";
        Err(Failure::new(ErrorKind::Unavailable, message))
    }

    pub(crate) fn close(&self, code: u16, reason: &str) {
        self.closer().close(code, reason);
    }

    pub(crate) fn closer(&self) -> Closer {
        Closer(self.outgoing.clone())
    }

    /// Waits for the next message, or the close of the connection.
    pub(crate) async fn next(&mut self) -> Received {
        let stopped = self.stopping.wait_for(|is_stopping| *is_stopping);
        let incoming = match select(pin!(self.incoming.recv()), pin!(stopped)).await {
            Either::Left((incoming, _)) => incoming,
            Either::Right(_) => Some(Incoming::Close(Close::new(1001, "the server stops"))),
        };
        match incoming {
            Some(Incoming::Message(message)) => {
                let length = message.as_bytes().len();
                self.unread.fetch_sub(length, Ordering::Relaxed);
                Received::Message(message)
            }
            Some(Incoming::Close(close)) => {
                self.close(close.code, &close.reason);
                Received::Close(close)
            }
            None => Received::Close(Close::new(1006, "")),
        }
    }
}
