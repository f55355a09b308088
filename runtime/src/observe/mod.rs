//! Observers of calls: each call to a binding becomes one [`Event`].
//!
//! Without an observer a call costs one flag. Durations are I/O time: on Workers the clock only
//! advances with I/O, so a duration never contains the worker's own computing.

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

/// Writes each call as one readable line: to standard error natively, to the console on Workers.
#[must_use]
pub fn console() -> impl Observer {
    |event: &Event<'_>| log_line(&event.to_string())
}

/// Writes each call as one line of JSON, where [`console`] writes.
#[must_use]
pub fn json() -> impl Observer {
    |event: &Event<'_>| log_line(&event.to_json())
}

/// The observers of one world, shared by its bindings.
#[derive(Default)]
pub(crate) struct Observers {
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
        for observer in self
            .list
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
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
