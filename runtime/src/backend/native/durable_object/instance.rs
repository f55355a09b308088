//! An object in memory.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, LocalBoxFuture, select};

use crate::durable_object::{AlarmInfo, DurableObject, error_reply};
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::http::{Request, Response};
use crate::observe::{Measures, RequestLine, Scope};
#[cfg(feature = "web-sockets")]
use crate::web_socket::{Close, Message, WebSocket};

use super::super::log_line;
use super::super::panic::{catch_panic, message};
use super::alarms::Firing;
use super::host::Thread;
use super::input_gate::{Turn, reset};
use super::state::{ObjectState, Shared};
#[cfg(feature = "web-sockets")]
use super::web_socket::Sockets;
use super::{Class, Created};

/// The time without a call after which an object is evicted.
const IDLE: Duration = Duration::from_secs(10);

/// An object of any class.
pub(super) trait AnyObject {
    fn call(&self, method: &str, arguments: String) -> LocalBoxFuture<'static, Result<String>>;
    fn fetch(&self, request: Request) -> LocalBoxFuture<'static, Response>;
    fn alarm(&self, info: AlarmInfo) -> LocalBoxFuture<'static, Result<()>>;
    #[cfg(feature = "web-sockets")]
    fn web_socket_message(
        &self,
        socket: WebSocket,
        message: Message,
    ) -> LocalBoxFuture<'static, Result<()>>;
    #[cfg(feature = "web-sockets")]
    fn web_socket_close(
        &self,
        socket: WebSocket,
        close: Close,
    ) -> LocalBoxFuture<'static, Result<()>>;
}

/// An object of a class.
pub(super) struct Typed<T>(pub(super) Rc<T>);

impl<T: DurableObject> AnyObject for Typed<T> {
    fn call(&self, method: &str, arguments: String) -> LocalBoxFuture<'static, Result<String>> {
        Rc::clone(&self.0).call(method, arguments)
    }

    fn fetch(&self, request: Request) -> LocalBoxFuture<'static, Response> {
        Rc::clone(&self.0).fetch(request)
    }

    fn alarm(&self, info: AlarmInfo) -> LocalBoxFuture<'static, Result<()>> {
        Rc::clone(&self.0).alarm(info)
    }

    #[cfg(feature = "web-sockets")]
    fn web_socket_message(
        &self,
        socket: WebSocket,
        message: Message,
    ) -> LocalBoxFuture<'static, Result<()>> {
        Rc::clone(&self.0).web_socket_message(socket, message)
    }

    #[cfg(feature = "web-sockets")]
    fn web_socket_close(
        &self,
        socket: WebSocket,
        close: Close,
    ) -> LocalBoxFuture<'static, Result<()>> {
        Rc::clone(&self.0).web_socket_close(socket, close)
    }
}

/// An object in memory. It is created by its first call.
pub(super) struct Instance {
    class: Arc<Class>,
    thread: Rc<Thread>,
    id: String,
    name: RefCell<Option<String>>,
    loaded: RefCell<Option<(Rc<Created>, Rc<Shared>)>>,
    running: Cell<usize>,
    last_used: Cell<Instant>,
    is_watched: Cell<bool>,
}

impl Instance {
    pub(super) fn new(
        class: Arc<Class>,
        thread: Rc<Thread>,
        id: String,
        name: Option<String>,
    ) -> Self {
        Self {
            class,
            thread,
            id,
            name: RefCell::new(name),
            loaded: RefCell::default(),
            running: Cell::new(0),
            last_used: Cell::new(Instant::now()),
            is_watched: Cell::new(false),
        }
    }

    /// Notes the name, which only some callers know.
    pub(super) fn set_name(&self, name: Option<String>) {
        if name.is_some() {
            *self.name.borrow_mut() = name;
        }
    }

    pub(super) async fn call(
        self: Rc<Self>,
        method: &'static str,
        arguments: String,
    ) -> Result<String, Failure> {
        let work = |created: Rc<Created>| async move {
            let call = created.object.call(method, arguments);
            let outcome = created.gate.handle("object_call", call, |outcome| {
                (outcome.as_ref().err(), Measures::default())
            });
            match outcome.await {
                Ok(reply) => reply,
                Err(error) => error_reply(&error),
            }
        };
        self.turn(work).await
    }

    pub(super) async fn fetch(self: Rc<Self>, request: Request) -> Result<Response, Failure> {
        let work = |created: Rc<Created>| async move {
            let response = created.object.fetch(request);
            let gate = &created.gate;
            let response = gate.handle("object_fetch", response, |response: &Response| {
                let measures = Measures {
                    status: Some(response.status().as_u16()),
                    ..Measures::default()
                };
                (None, measures)
            });
            response.await
        };
        self.turn(work).await
    }

    /// Runs the alarm handler.
    pub(super) async fn alarm(self: Rc<Self>, firing: Firing, attempts: u32) {
        let work = |created: Rc<Created>| async move {
            let alarm = created.object.alarm(AlarmInfo::new(attempts));
            let alarm = created.gate.handle("alarm", alarm, |outcome| {
                (outcome.as_ref().err(), Measures::default())
            });
            alarm.await
        };
        let outcome = Rc::clone(&self).turn(work).await;
        let outcome = outcome.and_then(|outcome| outcome.map_err(Error::into_failure));
        if let Err(failure) = &outcome {
            let (class, message) = (self.class.name, &failure.message);
            log_line(&format!(
                "the alarm of an object of {class} failed: {message}"
            ));
        }
        firing.end(attempts, outcome.is_ok());
    }

    #[cfg(feature = "web-sockets")]
    pub(super) async fn web_socket_message(self: Rc<Self>, socket: u64, message: Message) {
        let Some(socket) = self.sockets().by_id(socket) else {
            return;
        };
        let socket = WebSocket::new(socket);
        let work = |created: Rc<Created>| async move {
            let handled = created.object.web_socket_message(socket, message);
            let handled = created
                .gate
                .handle("web_socket_message", handled, |outcome| {
                    (outcome.as_ref().err(), Measures::default())
                });
            handled.await
        };
        let outcome = Rc::clone(&self).turn(work).await;
        self.log_failure("a message", outcome);
    }

    #[cfg(feature = "web-sockets")]
    pub(super) async fn web_socket_close(self: Rc<Self>, socket: u64, close: Close) {
        let Some(socket) = self.sockets().remove(socket) else {
            return;
        };
        let socket = WebSocket::new(socket);
        let work = |created: Rc<Created>| async move {
            let handled = created.object.web_socket_close(socket, close);
            let handled = created.gate.handle("web_socket_close", handled, |outcome| {
                (outcome.as_ref().err(), Measures::default())
            });
            handled.await
        };
        let outcome = Rc::clone(&self).turn(work).await;
        self.log_failure("a close", outcome);
    }

    #[cfg(feature = "web-sockets")]
    fn log_failure(&self, what: &str, outcome: Result<Result<()>, Failure>) {
        let outcome = outcome.and_then(|outcome| outcome.map_err(Error::into_failure));
        if let Err(failure) = outcome {
            let (class, message) = (self.class.name, &failure.message);
            log_line(&format!(
                "error: the handler of {what} of a WebSocket of {class} failed: {message}"
            ));
        }
    }

    /// The sockets of the object.
    #[cfg(feature = "web-sockets")]
    fn sockets(&self) -> Rc<Sockets> {
        self.thread.sockets(&self.class, &self.id)
    }

    /// Runs a future as a turn of the object.
    async fn turn<T, F: Future<Output = T>>(
        self: Rc<Self>,
        work: impl FnOnce(Rc<Created>) -> F,
    ) -> Result<T, Failure> {
        let _running = Running::new(&self);
        let (created, shared) = self.load()?;
        let scope = Scope::new(&created.context, RequestLine::default());
        let work = scope.run(Turn::new(Rc::clone(&shared), work(created)));

        // A turn makes no progress after a reset.
        let work = pin!(catch_panic(work));
        match select(pin!(reset(&shared)), work).await {
            Either::Left((reason, _)) => Err(self.was_reset(reason)),
            Either::Right((Err(panic), _)) => {
                shared.reset("it has panicked");
                Err(self.has_panicked(&panic))
            }
            Either::Right((Ok(output), _)) => match shared.reset_reason() {
                None => Ok(output),
                Some(reason) => Err(self.was_reset(reason)),
            },
        }
    }

    fn has_panicked(&self, panic: &str) -> Failure {
        self.thread.remove_this(&self.class, &self.id, self);
        let message = format!("the object panicked: {panic}");
        log_line(&format!("error: {} {message}", self.class.name));
        Failure::new(ErrorKind::Internal, message)
    }

    fn was_reset(&self, reason: String) -> Failure {
        self.thread.remove_this(&self.class, &self.id, self);
        let message = format!("the object was reset: {reason}");
        Failure::new(ErrorKind::Unavailable, message)
    }

    /// Returns the object, which is created if this is its first call.
    fn load(self: &Rc<Self>) -> Result<(Rc<Created>, Rc<Shared>), Failure> {
        if let Some((created, shared)) = &*self.loaded.borrow() {
            return Ok((Rc::clone(created), Rc::clone(shared)));
        }
        let factory = self.class.factory()?;
        let pool = self.class.open(&self.id).map_err(|error| {
            let message = format!("the storage of the object cannot be opened: {error}");
            Failure::new(ErrorKind::Internal, message)
        })?;
        let name = self.name.borrow().clone();
        let shared = Shared::new(&self.class, &self.id, name, pool, factory.has_alarm);
        #[cfg(feature = "web-sockets")]
        let shared = shared.with_sockets(self.sockets());
        let shared = Rc::new(shared);

        let state = ObjectState::new(Rc::clone(&shared));
        let created = catch_unwind(AssertUnwindSafe(|| (factory.create)(state)));
        let created = created.map_err(|payload| self.has_panicked(&message(&*payload)))?;
        let created = Rc::new(created.map_err(Error::into_failure)?);
        *self.loaded.borrow_mut() = Some((Rc::clone(&created), Rc::clone(&shared)));
        Ok((created, shared))
    }

    /// Evicts the object when it has had no call for a while. A test evicts its objects itself.
    fn watch(self: &Rc<Self>) {
        if self.class.hosts.folder().is_none() || self.is_watched.replace(true) {
            return;
        }
        let instance = Rc::downgrade(self);
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(IDLE).await;
                let Some(instance) = instance.upgrade() else {
                    return;
                };
                if instance.running.get() == 0 && instance.last_used.get().elapsed() >= IDLE {
                    let Self { thread, class, .. } = &*instance;
                    return thread.remove_this(class, &instance.id, &instance);
                }
            }
        });
    }
}

/// A turn that runs, until it is dropped.
struct Running(Rc<Instance>);

impl Running {
    fn new(instance: &Rc<Instance>) -> Self {
        instance.running.set(instance.running.get() + 1);
        instance.watch();
        Self(Rc::clone(instance))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get() - 1);
        self.0.last_used.set(Instant::now());
    }
}
