//! The WebSockets of one object. They stay open while the object is evicted.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::StatusCode;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::error::{ErrorKind, Failure};
use crate::http::{Body, Response};
use crate::web_socket::{Close, Message};

use super::super::pool::lock;
use super::ObjectStub;

/// The bytes that wait for a client that does not read, after which the connection is lost.
const QUEUED_BYTES: usize = 64 * 1024 * 1024;

/// The sockets of an object.
#[derive(Default)]
pub(super) struct Sockets {
    open: RefCell<Vec<Rc<Socket>>>,
    next: Cell<u64>,
    auto_response: AutoResponse,
}

/// A message, and what is answered to it.
type AutoResponse = Arc<Mutex<Option<(String, String)>>>;

/// One connection, for the object.
struct Socket {
    id: u64,
    tags: Vec<String>,
    attachment: RefCell<Option<String>>,
    /// `None` when the connection is closed.
    outgoing: RefCell<Option<UnboundedSender<Outgoing>>>,
    queued: Arc<AtomicUsize>,
}

/// What an object sends to a client.
pub(in super::super) enum Outgoing {
    Message(Message),
    Close(Close),
}

impl Sockets {
    /// Adds a socket. Returns it with the response that connects it.
    pub(super) fn accept(&self, tags: &[&str], object: ObjectStub) -> (WebSocket, Response) {
        let (sender, outgoing) = unbounded_channel();
        let id = self.next.get();
        self.next.set(id + 1);
        let socket = Rc::new(Socket {
            id,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            attachment: RefCell::default(),
            outgoing: RefCell::new(Some(sender)),
            queued: Arc::default(),
        });
        self.open.borrow_mut().push(Rc::clone(&socket));

        let client = ClientSocket {
            peer: Peer::Object {
                object,
                id,
                auto_response: Arc::clone(&self.auto_response),
            },
            outgoing,
            queued: Arc::clone(&socket.queued),
        };
        (WebSocket(socket), switching_protocols(client))
    }

    pub(super) fn with_tag(&self, tag: Option<&str>) -> Vec<WebSocket> {
        let open = self.open.borrow();
        let found = open.iter().filter(|socket| {
            let is_tagged = |tag| socket.tags.iter().any(|known| known == tag);
            socket.outgoing.borrow().is_some() && tag.is_none_or(is_tagged)
        });
        found.map(|socket| WebSocket(Rc::clone(socket))).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.borrow().is_empty()
    }

    pub(super) fn by_id(&self, id: u64) -> Option<WebSocket> {
        let open = self.open.borrow();
        let found = open.iter().find(|socket| socket.id == id);
        found.map(|socket| WebSocket(Rc::clone(socket)))
    }

    /// Forgets a socket that is closed.
    pub(super) fn remove(&self, id: u64) -> Option<WebSocket> {
        let socket = self.by_id(id)?;
        self.open.borrow_mut().retain(|socket| socket.id != id);
        socket.0.outgoing.take();
        Some(socket)
    }

    /// Cuts all connections.
    pub(super) fn disconnect(&self) {
        for socket in self.open.take() {
            socket.outgoing.take();
        }
    }

    pub(super) fn set_auto_response(&self, request: &str, response: &str) {
        *lock(&self.auto_response) = Some((request.to_owned(), response.to_owned()));
    }
}

/// The connection to one client.
#[derive(Clone)]
pub(crate) struct WebSocket(Rc<Socket>);

impl WebSocket {
    fn push(&self, outgoing: Outgoing) -> Result<(), Failure> {
        let sender = self.0.outgoing.borrow();
        let sent = sender.as_ref().map(|sender| sender.send(outgoing));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => {
                let message = "the connection is closed";
                Err(Failure::new(ErrorKind::Unavailable, message))
            }
        }
    }

    pub(crate) fn send(&self, message: &Message) -> Result<(), Failure> {
        if !queue_message(&self.0.queued, message) {
            self.0.outgoing.take();
            let message = "the client does not read its messages";
            return Err(Failure::new(ErrorKind::Unavailable, message));
        }
        self.push(Outgoing::Message(message.clone()))
    }

    pub(crate) fn close(&self, code: u16, reason: &str) -> Result<(), Failure> {
        // Closing twice does nothing.
        let _ = self.push(Outgoing::Close(Close::new(code, reason)));
        self.0.outgoing.take();
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the platform can refuse it")]
    pub(crate) fn attachment(&self) -> Result<Option<String>, Failure> {
        Ok(self.0.attachment.borrow().clone())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the platform can refuse it")]
    pub(crate) fn set_attachment(&self, json: &str) -> Result<(), Failure> {
        *self.0.attachment.borrow_mut() = Some(json.to_owned());
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the platform can refuse it")]
    pub(crate) fn tags(&self) -> Result<Vec<String>, Failure> {
        Ok(self.0.tags.clone())
    }
}

/// Counts the bytes of a message that waits for its receiver. Returns whether it may wait.
pub(in super::super) fn queue_message(queued: &AtomicUsize, message: &Message) -> bool {
    let length = message.as_bytes().len();
    queued.fetch_add(length, Ordering::Relaxed) <= QUEUED_BYTES
}

/// The response that connects a client.
pub(in super::super) fn switching_protocols(client: ClientSocket) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.extensions_mut().insert(Upgrade::new(client));
    response
}

/// The end of a connection on the side of the client. The response of a handler carries it.
#[derive(Clone)]
pub(in super::super) struct Upgrade(Arc<Mutex<Option<ClientSocket>>>);

impl Upgrade {
    fn new(client: ClientSocket) -> Self {
        Self(Arc::new(Mutex::new(Some(client))))
    }

    /// Takes the end, once.
    pub(in super::super) fn take(&self) -> Option<ClientSocket> {
        lock(&self.0).take()
    }
}

/// The end of a connection on the side of the client.
pub(in super::super) struct ClientSocket {
    peer: Peer,
    outgoing: UnboundedReceiver<Outgoing>,
    /// The bytes of the messages that wait in `outgoing`.
    queued: Arc<AtomicUsize>,
}

/// Who receives the messages of a client.
enum Peer {
    Object {
        object: ObjectStub,
        id: u64,
        auto_response: AutoResponse,
    },
    /// A task of the worker, and the bytes of the messages that wait for it.
    Task(UnboundedSender<Incoming>, Arc<AtomicUsize>),
}

/// What a task of the worker receives from a client.
pub(in super::super) enum Incoming {
    Message(Message),
    Close(Close),
}

impl ClientSocket {
    /// The client of a task. `unread` and `unsent` count the bytes that wait in each direction.
    pub(in super::super) fn of_task(
        task: UnboundedSender<Incoming>,
        unread: Arc<AtomicUsize>,
        outgoing: UnboundedReceiver<Outgoing>,
        unsent: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            peer: Peer::Task(task, unread),
            outgoing,
            queued: unsent,
        }
    }

    /// Passes a message of the client on. Returns the answer, if there is one without
    /// the object.
    pub(in super::super) fn receive(&mut self, message: Message) -> Option<Message> {
        match &self.peer {
            Peer::Object {
                object,
                id,
                auto_response,
            } => {
                if let Some((request, response)) = &*lock(auto_response)
                    && message.text() == Some(request)
                {
                    return Some(Message::Text(response.clone()));
                }
                object.web_socket_message(*id, message);
            }
            Peer::Task(task, queued) => {
                if queue_message(queued, &message) {
                    let _ = task.send(Incoming::Message(message));
                } else {
                    // The task does not read: the connection is cut.
                    self.outgoing.close();
                }
            }
        }
        None
    }

    /// Reports that the connection is closed.
    pub(in super::super) fn closed(self, close: Close) {
        match self.peer {
            Peer::Object { object, id, .. } => object.web_socket_close(id, close),
            Peer::Task(task, _) => drop(task.send(Incoming::Close(close))),
        }
    }

    /// Returns what the object sends next, or `None` if the connection is cut.
    pub(in super::super) async fn next(&mut self) -> Option<Outgoing> {
        let outgoing = self.outgoing.recv().await?;
        if let Outgoing::Message(message) = &outgoing {
            let length = message.as_bytes().len();
            self.queued.fetch_sub(length, Ordering::Relaxed);
        }
        Some(outgoing)
    }
}
