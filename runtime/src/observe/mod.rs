//! Observers of calls: each call to a binding becomes one [`Event`].
//!
//! Without an observer a call only checks a flag. On Workers the clock only advances during I/O, so
//! there a duration does not contain CPU time.

mod event;
mod gate;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::backend::log_line;

pub use event::{Event, Measures};
pub(crate) use gate::Gate;

/// Receives an event after each call.
///
/// It runs on the thread that made the call, before the call returns, so it should be fast.
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
    list: RwLock<Vec<Arc<dyn Observer>>>,
}

impl Observers {
    pub(crate) fn install(&self, observer: impl Observer + 'static) {
        self.list
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::new(observer));
        self.any.store(true, Ordering::Release);
    }

    fn record(&self, event: &Event<'_>) {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        for observer in list.iter() {
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
