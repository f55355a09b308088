//! What the calls of one request have in common.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{self, Poll};

use pin_project_lite::pin_project;

thread_local! {
    /// The scope of the future that this thread polls.
    static CURRENT: RefCell<Option<Arc<Scope>>> = const { RefCell::new(None) };
}

/// One request, or one batch of a queue.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    calls: AtomicU32,
    retries: AtomicU32,
    /// Decides whether the calls are in a sample.
    sample: OnceLock<f64>,
}

impl Scope {
    /// Returns the scope of the future that this thread polls.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.with_borrow(Option::clone)
    }

    /// Counts a call to a binding.
    #[inline(never)]
    pub(super) fn count_call() {
        CURRENT.with_borrow(|current| {
            if let Some(scope) = current {
                scope.calls.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Counts a retry. Returns false if the request has used up its retries. Outside of a request
    /// there is no limit.
    pub(crate) fn take_retry(limit: u32) -> bool {
        CURRENT.with_borrow(|current| {
            current.as_ref().is_none_or(|scope| {
                let next = |retries| (retries < limit).then_some(retries + 1);
                let taken = scope
                    .retries
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
                taken.is_ok()
            })
        })
    }

    /// A random number from 0 to 1, the same for all calls.
    pub(super) fn sample(&self) -> f64 {
        *self.sample.get_or_init(super::sampled::position)
    }

    /// The number of calls to bindings.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Returns a future that is in this scope while it is polled.
    pub(crate) fn run<F: Future>(self: Arc<Self>, work: F) -> Scoped<F> {
        Scoped { work, scope: self }
    }
}

pin_project! {
    /// A future in a scope.
    pub(crate) struct Scoped<F> {
        #[pin]
        work: F,
        scope: Arc<Scope>,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = Entered(CURRENT.replace(Some(Arc::clone(this.scope))));
        this.work.poll(context)
    }
}

/// Restores the scope around this one, also after a panic.
struct Entered(Option<Arc<Scope>>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}
