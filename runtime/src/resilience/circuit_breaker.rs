//! Stops calling a service that fails.

use std::future::IntoFuture;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::time::Instant;

/// Stops calling a service that fails, so that requests get an answer at once and the service can
/// recover.
///
/// It is closed at first, and calls pass. After `failures` failures in a row it is open: calls fail
/// at once. After `pause` one call passes as a test. If that succeeds, the breaker is closed again;
/// otherwise it stays open for another pause.
///
/// A failure is an error of the service: `Unavailable`, `Overloaded`, `Timeout` or `Internal`. Any
/// other error, such as `NotFound`, is an answer of a working service and counts as a success.
///
/// The result of a call only counts if the breaker has neither opened nor closed since the call
/// started.
///
/// The state belongs to one process, and on Workers to one instance.
///
/// # Examples
/// ```
/// # async fn f(convert: impl AsyncFn() -> bindery::Result<f64>) {
/// use std::time::Duration;
///
/// use bindery::resilience::CircuitBreaker;
///
/// static RATES: CircuitBreaker = CircuitBreaker::new(5, Duration::from_secs(30));
///
/// // An older rate is better than none.
/// let rate = RATES.run(async || convert().await).await.unwrap_or(1.0);
/// # let _ = rate; }
/// ```
#[derive(Debug)]
pub struct CircuitBreaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// The failures in a row.
    failures: u32,
    /// When a call passes as a test. `None` while the breaker is closed.
    retry_at: Option<Instant>,
    /// How often the breaker has opened, closed or started a test. The result of a call that
    /// started before says nothing about the service now.
    changes: u64,
}

impl CircuitBreaker {
    /// Returns a breaker that opens after `failures` failures in a row, for `pause`.
    #[must_use]
    pub const fn new(failures: u32, pause: Duration) -> Self {
        let state = State {
            failures: 0,
            retry_at: None,
            changes: 0,
        };
        Self {
            failures,
            pause,
            state: Mutex::new(state),
        }
    }

    /// Makes a call, unless the breaker is open.
    ///
    /// # Errors
    /// `Unavailable` if the breaker is open. Otherwise the error of the call.
    pub async fn run<T, F>(&self, call: impl FnOnce() -> F) -> Result<T>
    where
        F: IntoFuture<Output = Result<T>>,
    {
        let Some(changes) = self.pass() else {
            let message = "the service has failed repeatedly, and is not called for a while";
            let kind = ErrorKind::Unavailable;
            return Err(Error::worker("circuit_breaker", kind, message));
        };
        let result = call().await;
        self.note(changes, result.as_ref().is_err_and(is_failure));
        result
    }

    /// Whether calls fail at once.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let retry_at = self.state().retry_at;
        retry_at.is_some_and(|retry_at| Instant::now() < retry_at)
    }

    /// Lets a call pass, unless the breaker is open, and returns the number of changes before the
    /// call. A call that passes as a test postpones the next test.
    fn pass(&self) -> Option<u64> {
        let mut state = self.state();
        if let Some(retry_at) = state.retry_at {
            let now = Instant::now();
            if now < retry_at {
                return None;
            }
            state.open(now + self.pause);
        }
        Some(state.changes)
    }

    /// Counts the result of a call that started after `changes` changes.
    fn note(&self, changes: u64, has_failed: bool) {
        let mut state = self.state();
        if state.changes != changes {
            return;
        }
        if !has_failed {
            state.close();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= self.failures {
            state.open(Instant::now() + self.pause);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open(&mut self, retry_at: Instant) {
        self.retry_at = Some(retry_at);
        self.changes += 1;
    }

    fn close(&mut self) {
        self.failures = 0;
        if self.retry_at.take().is_some() {
            self.changes += 1;
        }
    }
}

fn is_failure(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::Overloaded | ErrorKind::Timeout | ErrorKind::Internal
    )
}
