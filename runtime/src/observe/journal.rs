//! The calls of one request, for the development page.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Event;

/// The calls that a journal keeps.
const MAX_CALLS: usize = 100;

/// The calls of one request or batch.
#[derive(Debug)]
pub(crate) struct Journal {
    start: Instant,
    calls: Mutex<Calls>,
}

#[derive(Debug, Default)]
struct Calls {
    lines: Vec<CallLine>,
    /// All of them, also those that are not kept.
    count: u64,
}

/// A call that has ended.
#[derive(Debug, Clone)]
pub(crate) struct CallLine {
    /// The service, the binding, and the query or operation.
    pub(crate) name: String,
    /// The time from the start of the request to that of the call.
    pub(crate) start: Duration,
    pub(crate) duration: Duration,
    /// The counts, or the error.
    pub(crate) details: String,
    pub(crate) is_error: bool,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            calls: Mutex::default(),
        }
    }
}

impl Journal {
    pub(crate) fn add(&self, name: String, details: String, event: &Event<'_>) {
        let mut calls = self.calls();
        calls.count += 1;
        if calls.lines.len() < MAX_CALLS {
            calls.lines.push(CallLine {
                name,
                start: self.start.elapsed().saturating_sub(event.duration),
                duration: event.duration,
                details,
                is_error: event.is_error(),
            });
        }
    }

    /// Returns the calls in the order of their ends, and the number of all calls.
    pub(crate) fn lines(&self) -> (Vec<CallLine>, u64) {
        let calls = self.calls();
        (calls.lines.clone(), calls.count)
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
