//! The order of the calls of one object.
//!
//! Each call and each background future of an object is a turn. While one turn holds the gate, the
//! others make no progress.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use super::state::Shared;

thread_local! {
    /// The turn that this thread polls; 0 if there is none.
    static CURRENT: Cell<u64> = const { Cell::new(0) };
    static NEXT: Cell<u64> = const { Cell::new(1) };
}

#[derive(Default)]
pub(super) struct InputGate {
    /// The turn that holds the gate; 0 if there is none.
    holder: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl InputGate {
    /// Runs a future, during which no other turn makes progress.
    pub(super) async fn hold<T>(&self, work: impl Future<Output = T>) -> T {
        let turn = CURRENT.get();
        if turn == 0 || self.holder.get() == turn {
            return work.await;
        }
        // Another turn cannot hold the gate, or this one would not run.
        self.holder.set(turn);
        let _release = Release(self);
        work.await
    }

    /// Whether a turn can run. If not, it is woken when it can.
    fn admits(&self, turn: u64, context: &Context<'_>) -> bool {
        let holder = self.holder.get();
        if holder == 0 || holder == turn {
            return true;
        }
        self.waiting.borrow_mut().push(context.waker().clone());
        false
    }
}

struct Release<'a>(&'a InputGate);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.holder.set(0);
        for waker in self.0.waiting.take() {
            waker.wake();
        }
    }
}

/// Whether this thread polls a turn, at whose end writes are stored.
pub(super) fn is_in_turn() -> bool {
    CURRENT.get() != 0
}

pin_project! {
    /// A future that is a turn of an object.
    pub(super) struct Turn<F> {
        #[pin]
        work: F,
        id: u64,
        object: Rc<Shared>,
    }
}

impl<F> Turn<F> {
    pub(super) fn new(object: Rc<Shared>, work: F) -> Self {
        let id = NEXT.get();
        NEXT.set(id + 1);
        Self { work, id, object }
    }
}

impl<F: Future> Future for Turn<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // After a reset, whoever awaits this drops it.
        let is_reset = this.object.reset_reason().is_some();
        if is_reset || !this.object.gate.admits(*this.id, context) {
            return Poll::Pending;
        }
        let _current = Current {
            outer: CURRENT.replace(*this.id),
            object: this.object,
        };
        this.work.poll(context)
    }
}

/// The turn that runs. At its end its writes are stored, also after a panic, as on the platform.
struct Current<'a> {
    outer: u64,
    object: &'a Shared,
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
        self.object.store_writes();
    }
}

/// Waits until the object is reset.
pub(super) async fn reset(object: &Shared) -> String {
    poll_fn(|context| match object.reset_reason() {
        Some(reason) => Poll::Ready(reason),
        None => {
            object.wake_on_reset(context.waker());
            Poll::Pending
        }
    })
    .await
}
