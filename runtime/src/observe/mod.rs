//! Observers of calls: each call to a binding becomes one [`Event`].
//!
//! Without an observer a call only checks a flag. On Workers the clock only advances during I/O, so
//! there a duration does not contain CPU time.

mod event;
mod gate;

use std::any::TypeId;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::backend::log_line;

pub use event::{Event, Measures};
pub(crate) use gate::Gate;

/// Receives an event after each call.
///
/// It runs on the thread that made the call, before the call returns, so it should be fast.
///
/// Install observers in the start hook of [`handlers!`](macro@crate::handlers). An observer
/// replaces one of the same type, so installing it twice by mistake has no effect. Each closure in
/// the source has its own type.
pub trait Observer: Send + Sync {
    /// Records one call.
    fn record(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Send + Sync> Observer for F {
    fn record(&self, event: &Event<'_>) {
        self(event);
    }
}

/// Returns an observer that writes each event as one readable line.
///
/// It writes to standard error natively, and to the console on Workers.
#[must_use]
pub fn console() -> impl Observer {
    |event: &Event<'_>| log_line(&event.to_string())
}

/// Returns an observer that writes each event as one line of JSON to the output of [`console`].
#[must_use]
pub fn json() -> impl Observer {
    |event: &Event<'_>| log_line(&event.to_json())
}

/// The observers of one backend, shared by its bindings.
#[derive(Default)]
pub(crate) struct Observers {
    /// Whether the list has an entry, so that a call without observers needs no lock.
    any: AtomicBool,
    /// One observer of each type, with that type.
    list: RwLock<Vec<(TypeId, Arc<dyn Observer>)>>,
}

impl Observers {
    /// Adds an observer, which replaces one of the same type: a handler that installs it for each
    /// request does not make the calls slower and slower.
    pub(crate) fn install<O: Observer + 'static>(&self, observer: O) {
        let entry: (TypeId, Arc<dyn Observer>) = (TypeId::of::<O>(), Arc::new(observer));
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        match list.iter_mut().find(|(known, _)| *known == entry.0) {
            Some(known) => *known = entry,
            None => list.push(entry),
        }
        self.any.store(true, Ordering::Release);
    }

    fn record(&self, event: &Event<'_>) {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        for (_, observer) in list.iter() {
            observer.record(event);
        }
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
