//! Background work, and the context of a handler.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use crate::app::{Cf, Environment, Router};

use super::panic::catch_panic;
use super::pool::lock;
use super::{Backend, log_line};

/// The context of a request, a batch or the start.
#[derive(Clone)]
pub(crate) struct Context {
    tasks: Tasks,
    cf: Arc<Cf>,
    routers: Routers,
}

/// The routers of one server or test, by the functions that have built them and the backends of
/// their environments.
#[derive(Clone, Default)]
pub(super) struct Routers(Arc<Mutex<HashMap<(TypeId, usize), Built>>>);

/// A router, and the backend of its environment, so that no other one gets the same address.
type Built = (Backend, Router);

impl fmt::Debug for Routers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Routers").finish_non_exhaustive()
    }
}

impl Context {
    pub(super) fn new(tasks: Tasks, cf: Arc<Cf>, routers: Routers) -> Self {
        Self { tasks, cf, routers }
    }

    pub(crate) fn router<E: Environment>(
        &self,
        key: TypeId,
        env: E,
        build: impl FnOnce(E) -> Router,
    ) -> Router {
        // A test can have several environments.
        let backend = env.backend().clone();
        let mut routers = lock(&self.routers.0);
        let entry = routers.entry((key, backend.address()));
        let (_, router) = entry.or_insert_with(|| (backend, build(env)));
        Router::clone(router)
    }

    pub(crate) fn wait_until(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(future);
    }

    #[expect(clippy::unused_self, reason = "Workers have an origin")]
    pub(crate) fn pass_through_on_exception(&self) {}

    /// Returns what changes when the server stops.
    #[cfg(feature = "web-sockets")]
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.tasks.0.stopping.subscribe()
    }

    pub(crate) fn cf(&self) -> Cf {
        Cf::clone(&self.cf)
    }
}

/// The futures that run in the background.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<State>);

#[derive(Default)]
struct State {
    running: AtomicUsize,
    ended: Notify,
    /// Whether the server stops.
    stopping: watch::Sender<bool>,
    /// The messages of those that panicked.
    panics: Mutex<Vec<String>>,
}

impl fmt::Debug for Tasks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.0.running.load(Ordering::Acquire);
        formatter
            .debug_struct("Tasks")
            .field("running", &running)
            .finish_non_exhaustive()
    }
}

impl Tasks {
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else {
            log_line("error: background work needs a Tokio runtime: it does not run");
            return;
        };

        self.0.running.fetch_add(1, Ordering::AcqRel);
        let running = Running(Arc::clone(&self.0));
        runtime.spawn(async move {
            if let Err(message) = catch_panic(future).await {
                log_line(&format!("error: background work panicked: {message}"));
                lock(&running.0.panics).push(message);
            }
        });
    }

    /// Runs a future on this thread, which runs a `LocalSet`.
    pub(super) fn spawn_local(&self, future: impl Future<Output = ()> + 'static) {
        self.0.running.fetch_add(1, Ordering::AcqRel);
        let running = Running(Arc::clone(&self.0));
        tokio::task::spawn_local(async move {
            if let Err(message) = catch_panic(future).await {
                log_line(&format!("error: background work panicked: {message}"));
                lock(&running.0.panics).push(message);
            }
        });
    }

    /// Ends the connections to clients.
    pub(super) fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Waits until no future is running.
    pub(super) async fn idle(&self) {
        loop {
            let ended = self.0.ended.notified();
            if self.0.running.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Returns the message of a future that panicked.
    pub(super) fn take_panic(&self) -> Option<String> {
        lock(&self.0.panics).pop()
    }
}

/// Counts a future until it is dropped.
struct Running(Arc<State>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_waiters();
    }
}
