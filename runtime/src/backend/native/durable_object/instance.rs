//! An object in memory.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, LocalBoxFuture, select};

use crate::durable_object::{AlarmInfo, DurableObject, error_reply};
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::http::{Request, Response};
use crate::observe::{Measures, RequestLine, Scope};

use super::super::log_line;
use super::super::panic::catch_panic;
use super::alarms::Firing;
use super::host::Thread;
use super::input_gate::{Turn, reset};
use super::state::{ObjectState, Shared};
use super::{Class, Created};

/// The time without a call after which an object is evicted.
const IDLE: Duration = Duration::from_secs(10);

/// An object of any class.
pub(super) trait AnyObject {
    fn call(&self, method: &str, arguments: String) -> LocalBoxFuture<'static, Result<String>>;
    fn fetch(&self, request: Request) -> LocalBoxFuture<'static, Response>;
    fn alarm(&self, info: AlarmInfo) -> LocalBoxFuture<'static, Result<()>>;
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

    /// Runs a future as a turn of the object.
    async fn turn<T, F: Future<Output = T>>(
        self: Rc<Self>,
        work: impl FnOnce(Rc<Created>) -> F,
    ) -> Result<T, Failure> {
        let _running = Running::new(&self);
        let (created, shared) = self.load()?;
        let scope = Scope::new(&created.context, RequestLine::default());
        let work = scope.run(Turn::new(Rc::clone(&shared), work(created)));

        let work = pin!(catch_panic(work));
        let reset = pin!(reset(&shared));
        match select(work, reset).await {
            Either::Left((Ok(output), _)) => match shared.reset_reason() {
                None => Ok(output),
                Some(reason) => Err(self.was_reset(reason)),
            },
            Either::Left((Err(panic), _)) => {
                self.thread.remove(&self.class, &self.id);
                shared.reset("it has panicked");
                let message = format!("the object panicked: {panic}");
                log_line(&format!("error: {} {message}", self.class.name));
                Err(Failure::new(ErrorKind::Internal, message))
            }
            Either::Right((reason, _)) => Err(self.was_reset(reason)),
        }
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
        let shared = Rc::new(shared);

        let state = ObjectState::new(Rc::clone(&shared));
        let created = (factory.create)(state);
        shared.store_writes();
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
