//! Tasks, and the promises that they await.
//!
//! `wasm_bindgen_futures` creates two closures for each promise, and polls a task in a microtask of
//! its own. Here all promises share one closure, which polls the task that awaits the promise.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::LocalBoxFuture;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use worker::send::SendWrapper;

use super::platform;

/// A future that runs on its own.
struct Task {
    /// `None` after its end.
    future: SendWrapper<RefCell<Option<LocalBoxFuture<'static, ()>>>>,
    /// Whether the task is in the queue.
    is_ready: AtomicBool,
}

thread_local! {
    /// The tasks that can make progress.
    static READY: RefCell<VecDeque<Arc<Task>>> = const { RefCell::new(VecDeque::new()) };
    /// Whether a call of `run_ready` has started, or is scheduled.
    static WILL_RUN: Cell<bool> = const { Cell::new(false) };
    static RUN_READY: Closure<dyn FnMut()> = Closure::new(run_ready);

    static AWAITED: RefCell<Awaited> = const { RefCell::new(Awaited::new()) };
    static SETTLE: Closure<dyn FnMut(u32, bool, JsValue)> = Closure::new(settle);
}

/// Runs a future. It starts after the caller has returned to JavaScript.
pub(super) fn spawn(future: impl Future<Output = ()> + 'static) {
    let task = Task {
        future: SendWrapper(RefCell::new(Some(Box::pin(future)))),
        is_ready: AtomicBool::new(true),
    };
    READY.with_borrow_mut(|ready| ready.push_back(Arc::new(task)));
    // Whether or not a run is scheduled: the platform can end one, for its CPU time, before it
    // resets its state.
    WILL_RUN.set(true);
    RUN_READY.with(platform::schedule);
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.is_ready.swap(true, Ordering::Relaxed) {
            READY.with_borrow_mut(|ready| ready.push_back(self));
            schedule();
        }
    }
}

/// Runs the queue in a microtask, if it does not run anyway.
fn schedule() {
    if !WILL_RUN.replace(true) {
        RUN_READY.with(platform::schedule);
    }
}

/// Polls each task of the queue once. A task that wakes itself runs after the microtasks that wait.
fn run_ready() {
    /// Also after a panic that does not end the instance.
    struct Rest;

    impl Drop for Rest {
        fn drop(&mut self) {
            WILL_RUN.set(false);
            if READY.with_borrow(|ready| !ready.is_empty()) {
                schedule();
            }
        }
    }

    WILL_RUN.set(true);
    let _rest = Rest;
    for _ in 0..READY.with_borrow(VecDeque::len) {
        if let Some(task) = READY.with_borrow_mut(VecDeque::pop_front) {
            poll(&task);
        }
    }
}

fn poll(task: &Arc<Task>) {
    task.is_ready.store(false, Ordering::Relaxed);
    let waker = Waker::from(Arc::clone(task));
    let mut future = task.future.0.borrow_mut();
    if let Some(running) = future.as_mut()
        && running
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
    {
        *future = None;
    }
}

/// The result of a promise.
type Outcome = Result<JsValue, JsValue>;

/// A promise that a future awaits, or has awaited until it was dropped.
enum Entry {
    Pending(Option<Waker>),
    Settled(Outcome),
    Dropped,
    /// No promise; the next free entry.
    Free(usize),
}

/// Promises by their identifiers.
struct Awaited {
    entries: Vec<Entry>,
    /// The first free entry. The number of entries if there is none.
    free: usize,
}

impl Awaited {
    const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: 0,
        }
    }

    fn add(&mut self) -> usize {
        let id = self.free;
        let pending = Entry::Pending(None);
        match self.entries.get_mut(id) {
            Some(entry) => {
                if let Entry::Free(next) = mem::replace(entry, pending) {
                    self.free = next;
                }
            }
            None => {
                self.entries.push(pending);
                self.free = self.entries.len();
            }
        }
        id
    }

    fn remove(&mut self, id: usize) -> Entry {
        let removed = mem::replace(&mut self.entries[id], Entry::Free(self.free));
        self.free = id;
        removed
    }

    /// Stores the result of a promise, and returns who waits for it.
    ///
    /// The first call after a panic can be for a promise of the instance that ended. It is unknown
    /// here, as the new instance awaits nothing yet.
    fn settle(&mut self, id: usize, outcome: Outcome) -> Option<Waker> {
        match self.entries.get_mut(id)? {
            Entry::Pending(waker) => {
                let waker = waker.take();
                self.entries[id] = Entry::Settled(outcome);
                waker
            }
            Entry::Dropped => {
                self.remove(id);
                None
            }
            Entry::Settled(_) | Entry::Free(_) => None,
        }
    }
}

/// A promise has settled.
fn settle(id: u32, is_fulfilled: bool, value: JsValue) {
    let outcome = match is_fulfilled {
        true => Ok(value),
        false => Err(value),
    };
    let waker = AWAITED.with_borrow_mut(|awaited| awaited.settle(id as usize, outcome));
    let Some(waker) = waker else { return };

    // The queue runs now instead of in a microtask.
    let will_run = WILL_RUN.replace(true);
    waker.wake();
    if will_run {
        return;
    }
    run_ready();
}

/// Awaits a promise. A value that is not a promise is its own result.
#[derive(Debug)]
pub(super) struct Settled(usize);

impl Settled {
    pub(super) fn new(promise: &JsValue) -> Self {
        let id = AWAITED.with_borrow_mut(Awaited::add);
        SETTLE.with(|settle| platform::settled(promise, settle, id as u32));
        Self(id)
    }
}

impl Future for Settled {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let waiting = Entry::Pending(Some(context.waker().clone()));
        let before = AWAITED.with_borrow_mut(|awaited| match &mut awaited.entries[self.0] {
            Entry::Settled(outcome) => Err(outcome.clone()),
            entry => Ok(mem::replace(entry, waiting)),
        });
        match before {
            Err(outcome) => Poll::Ready(outcome),
            // Dropped here, without the borrow: a waker can own a future that awaits a promise.
            Ok(_) => Poll::Pending,
        }
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        let dropped = AWAITED.with_borrow_mut(|awaited| match &mut awaited.entries[self.0] {
            entry @ Entry::Pending(_) => mem::replace(entry, Entry::Dropped),
            _ => awaited.remove(self.0),
        });
        // Without the borrow, as above.
        drop(dropped);
    }
}
