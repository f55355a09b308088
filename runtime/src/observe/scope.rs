//! What the calls of one request have in common.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
#[cfg(not(target_arch = "wasm32"))]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
#[cfg(feature = "server-timing")]
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{self, Poll};

use pin_project_lite::pin_project;

#[cfg(all(feature = "dashboard", not(target_arch = "wasm32")))]
use super::Journal;
#[cfg(feature = "otlp")]
use super::SpanContext;
#[cfg(feature = "server-timing")]
use super::server_timing::Timing;
use crate::app::Context;
use crate::http::Request;

thread_local! {
    /// The scope of the future that this thread polls.
    static CURRENT: RefCell<Option<Arc<Scope>>> = const { RefCell::new(None) };
}

/// What observers know about a request. Empty for a batch of a queue.
#[derive(Debug, Default)]
#[cfg_attr(
    all(target_arch = "wasm32", not(feature = "otlp")),
    expect(dead_code, reason = "on Workers only spans need it")
)]
pub(crate) struct RequestLine {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The header `traceparent`.
    #[cfg(feature = "otlp")]
    pub(crate) trace_parent: Option<String>,
}

impl RequestLine {
    pub(crate) fn of(request: &Request) -> Self {
        #[cfg(feature = "otlp")]
        let trace_parent = request.headers().get("traceparent");
        Self {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            #[cfg(feature = "otlp")]
            trace_parent: trace_parent.and_then(|value| Some(value.to_str().ok()?.to_owned())),
        }
    }
}

/// One request, or one batch of a queue.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    request: RequestLine,
    #[cfg(not(target_arch = "wasm32"))]
    has_line: AtomicBool,
    calls: AtomicU32,
    retries: AtomicU32,
    /// Decides whether the calls are in a sample.
    sample: OnceLock<f64>,
    /// The data points of Analytics Engine.
    points: AtomicU32,
    #[cfg(feature = "server-timing")]
    timings: Mutex<Vec<Timing>>,
    #[cfg(feature = "otlp")]
    trace: Trace,
    #[cfg(all(feature = "dashboard", not(target_arch = "wasm32")))]
    journal: Arc<Journal>,
}

/// The trace of a request.
#[cfg(feature = "otlp")]
#[derive(Debug, Default)]
struct Trace {
    context: Option<Context>,
    /// The span of the client that sent the request.
    caller: Option<SpanContext>,
    /// The span of the request.
    span: OnceLock<SpanContext>,
}

impl Scope {
    /// Returns the scope of a request or a batch.
    #[cfg_attr(
        not(feature = "otlp"),
        expect(unused_variables, reason = "only spans need it")
    )]
    pub(crate) fn new(context: &Context, request: RequestLine) -> Arc<Self> {
        #[cfg(feature = "otlp")]
        let trace = Trace {
            context: Some(context.clone()),
            caller: request.trace_parent.as_deref().and_then(SpanContext::parse),
            span: OnceLock::new(),
        };
        Arc::new(Self {
            request,
            #[cfg(feature = "otlp")]
            trace,
            ..Self::default()
        })
    }

    /// The context of the request, for background work.
    #[cfg(feature = "otlp")]
    pub(super) fn context(&self) -> Option<Context> {
        self.trace.context.clone()
    }

    /// The span of the client that sent the request.
    #[cfg(feature = "otlp")]
    pub(super) fn caller(&self) -> Option<SpanContext> {
        self.trace.caller
    }

    /// The span of the request.
    #[cfg(feature = "otlp")]
    pub(super) fn span(&self) -> Option<SpanContext> {
        self.trace.span.get().copied()
    }

    #[cfg(feature = "otlp")]
    pub(super) fn set_span(&self, span: SpanContext) {
        // The first one is that of the request.
        let _ = self.trace.span.set(span);
    }

    #[cfg(feature = "server-timing")]
    pub(super) fn timings(&self) -> MutexGuard<'_, Vec<Timing>> {
        self.timings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request; empty for a batch.
    #[cfg_attr(
        all(target_arch = "wasm32", not(feature = "otlp")),
        expect(dead_code, reason = "on Workers only spans need it")
    )]
    pub(crate) fn request(&self) -> &RequestLine {
        &self.request
    }

    /// The calls of the request.
    #[cfg(all(feature = "dashboard", not(target_arch = "wasm32")))]
    pub(crate) fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

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
        Self::take(limit, |scope| &scope.retries)
    }

    /// Counts a data point of Analytics Engine. Returns false if the request has written `limit`.
    /// Outside of a request there is no limit.
    pub(super) fn take_point(limit: u32) -> bool {
        Self::take(limit, |scope| &scope.points)
    }

    fn take(limit: u32, counter: impl FnOnce(&Self) -> &AtomicU32) -> bool {
        CURRENT.with_borrow(|current| {
            current.as_ref().is_none_or(|scope| {
                let next = |count| (count < limit).then_some(count + 1);
                let (set, read) = (Ordering::Relaxed, Ordering::Relaxed);
                counter(scope).fetch_update(set, read, next).is_ok()
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

    /// Whether the server writes a line for the request.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn has_line(&self) -> bool {
        self.has_line.load(Ordering::Relaxed)
    }

    /// Notes that the server writes a line for the request.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn set_has_line(&self) {
        self.has_line.store(true, Ordering::Relaxed);
    }

    /// The number of retries.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn retries(&self) -> u32 {
        self.retries.load(Ordering::Relaxed)
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
