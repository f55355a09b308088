//! Observers of calls: each call to a binding becomes one [`Event`].
//!
//! Without an observer a call only checks a flag. On Workers the clock only advances during I/O, so
//! there a duration does not contain CPU time.

#[cfg(feature = "aggregate")]
mod aggregate;
mod analytics_engine;
mod cost;
mod event;
mod gate;
#[cfg(all(feature = "dashboard", not(target_arch = "wasm32")))]
mod journal;
#[cfg(feature = "metrics")]
mod metrics;
mod measurement;
#[cfg(feature = "otlp")]
mod otlp;
mod sampled;
mod scope;
#[cfg(feature = "server-timing")]
mod server_timing;
#[cfg(feature = "spans")]
mod span;
#[cfg(feature = "tracing")]
mod tracing;

use std::any::TypeId;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::backend::log_line;
#[cfg(not(target_arch = "wasm32"))]
use crate::{error::Service, resilience::Faults};

#[cfg(feature = "aggregate")]
pub use aggregate::{Aggregate, Summary};
pub use analytics_engine::analytics_engine;
pub use cost::{BudgetWarning, Cost, CostLine, CostReport, Period, Price, Prices, Resource};
#[cfg(feature = "spans")]
pub use event::Call;
#[doc(hidden)]
pub use event::Counts;
pub use event::{Event, Measures};
pub(crate) use gate::Gate;
#[cfg(all(feature = "dashboard", not(target_arch = "wasm32")))]
pub(crate) use journal::{CallLine, Journal};
#[cfg(feature = "metrics")]
pub use metrics::metrics;
#[cfg(feature = "otlp")]
pub use otlp::Otlp;
#[cfg(feature = "otlp")]
pub(crate) use otlp::{SpanContext, continue_trace};
pub use sampled::sampled;
pub(crate) use scope::{RequestLine, Scope};
#[cfg(feature = "server-timing")]
pub use server_timing::ServerTiming;
#[cfg(feature = "spans")]
pub use span::Span;
#[cfg(feature = "tracing")]
pub use tracing::tracing;

/// Receives an event after each call, and after each request and batch that a handler has
/// processed.
///
/// It runs on the thread that made the call, before the call returns, so it should be fast.
///
/// Install observers in the start hook of [`handlers!`](macro@crate::handlers). An observer
/// replaces one of the same type, so installing it twice by mistake has no effect. Each closure in
/// the source has its own type.
pub trait Observer: Send + Sync {
    /// Records one call.
    fn record(&self, event: &Event<'_>);

    /// Whether [`start`](Self::start) returns spans. It is read when the observer is installed.
    #[cfg(feature = "spans")]
    fn has_spans(&self) -> bool {
        false
    }

    /// Starts a span, before the call.
    #[cfg(feature = "spans")]
    fn start(&self, call: &Call<'_>) -> Option<Box<dyn Span>> {
        let _ = call;
        None
    }
}

impl<F: Fn(&Event<'_>) + Send + Sync> Observer for F {
    fn record(&self, event: &Event<'_>) {
        self(event);
    }
}

/// Returns an observer that writes each event as one readable line.
///
/// It writes to standard error natively, and to the console on Workers. If the native server writes
/// a line for each request itself, this observer does not.
#[must_use]
pub fn console() -> impl Observer {
    |event: &Event<'_>| {
        if !has_line(event) {
            log_line(&event.to_string());
        }
    }
}

/// Returns an observer that writes each event as one line of JSON to the output of [`console`],
/// with the same exception.
#[must_use]
pub fn json() -> impl Observer {
    |event: &Event<'_>| {
        if !has_line(event) {
            log_line(&event.to_json());
        }
    }
}

/// Whether the server writes a line for the event.
#[cfg(not(target_arch = "wasm32"))]
fn has_line(event: &Event<'_>) -> bool {
    let is_request = event.service == Service::Worker && event.operation == "fetch";
    is_request && Scope::current().is_some_and(|scope| scope.has_line())
}

/// Whether a server writes a line for the event.
#[cfg(target_arch = "wasm32")]
fn has_line(_: &Event<'_>) -> bool {
    false
}

/// Adds the header with the current span to a request. Only a feature has such a span.
#[cfg(not(feature = "otlp"))]
pub(crate) fn continue_trace(_: &mut crate::http::Request) {}

/// Observers, one of each type. A call copies the pointer, so that no lock is held while they run.
type List = Arc<[(TypeId, Arc<dyn Observer>)]>;

/// The observers of one backend, shared by its bindings.
pub(crate) struct Observers {
    /// Whether the list has an entry, so that a call without observers needs no lock.
    any: AtomicBool,
    /// Whether one of them has spans.
    #[cfg(feature = "spans")]
    any_spans: AtomicBool,
    /// One observer of each type, with that type.
    list: RwLock<List>,
    /// The faults that are injected into the same calls.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) faults: Faults,
}

impl Default for Observers {
    fn default() -> Self {
        Self {
            any: AtomicBool::default(),
            #[cfg(feature = "spans")]
            any_spans: AtomicBool::default(),
            list: RwLock::new(Arc::new([])),
            #[cfg(not(target_arch = "wasm32"))]
            faults: Faults::default(),
        }
    }
}

impl Observers {
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn with_faults(faults: Faults) -> Self {
        Self {
            faults,
            ..Self::default()
        }
    }

    /// Adds an observer, which replaces one of the same type: a handler that installs it for each
    /// request does not make the calls slower and slower.
    pub(crate) fn install<O: Observer + 'static>(&self, observer: O) {
        #[cfg(feature = "spans")]
        self.any_spans
            .fetch_or(observer.has_spans(), Ordering::AcqRel);
        let entry: (TypeId, Arc<dyn Observer>) = (TypeId::of::<O>(), Arc::new(observer));
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let mut entries = list.to_vec();
        match entries.iter_mut().find(|(known, _)| *known == entry.0) {
            Some(known) => *known = entry,
            None => entries.push(entry),
        }
        let replaced = std::mem::replace(&mut *list, entries.into());
        drop(list);
        // What it drops can be an observer with code of its own.
        drop(replaced);
        self.any.store(true, Ordering::Release);
    }

    fn list(&self) -> List {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&list)
    }

    fn record(&self, event: &Event<'_>) {
        let list = self.list();
        for (_, observer) in list.iter() {
            observer.record(event);
        }
    }

    /// Whether an observer has spans.
    #[cfg(feature = "spans")]
    pub(crate) fn has_spans(&self) -> bool {
        self.any_spans.load(Ordering::Acquire)
    }

    /// Starts the spans of a call.
    #[cfg(feature = "spans")]
    fn start(&self, call: &Call<'_>) -> span::Spans {
        if !self.has_spans() {
            return span::Spans::default();
        }
        let list = self.list();
        let spans = list.iter().filter_map(|(_, observer)| observer.start(call));
        span::Spans(spans.collect())
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Observers")
            .field("any", &self.any)
            .finish()
    }
}
