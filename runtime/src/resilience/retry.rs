//! Repeats calls that fail for a while.

use std::future::IntoFuture;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::observe::Scope;
use crate::{random, time};

/// How often a call is repeated, and how long to wait before.
///
/// Only errors of kind `Unavailable` are retried, such as a lost connection. An overloaded service
/// would only get more requests, a call that timed out may still run, and every other error would
/// be the same again. An error that [has changed data](Error::is_committed) is not retried either.
///
/// A call that may have been applied is only retried if it is [safe to
/// repeat](Error::is_safe_to_repeat), or with [`idempotent`](Self::idempotent).
///
/// The wait before the nth retry is a random part of `base_delay` times 2ⁿ⁻¹, so that the clients
/// of a service that comes back do not call it all at once.
///
/// <https://developers.cloudflare.com/d1/best-practices/retry-queries/>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    base_delay: Duration,
    max_delay: Duration,
    budget: u32,
    is_idempotent: bool,
}

impl Default for Retry {
    /// Three attempts, a delay of at most 100 milliseconds that doubles to 2 seconds, and ten
    /// retries in one request.
    fn default() -> Self {
        Self::new()
    }
}

impl Retry {
    /// The [default](Self::default) in a constant.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            attempts: 3,
            base_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(2),
            budget: 10,
            is_idempotent: false,
        }
    }

    /// Sets how often a call is made at most. Zero is the same as one.
    #[must_use]
    pub const fn attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// Sets the longest wait before the first retry.
    #[must_use]
    pub const fn base_delay(self, base_delay: Duration) -> Self {
        Self { base_delay, ..self }
    }

    /// Sets the longest wait before any retry.
    #[must_use]
    pub const fn max_delay(self, max_delay: Duration) -> Self {
        Self { max_delay, ..self }
    }

    /// Sets how many retries one request may make with all of its calls. When a service is down,
    /// the calls of a request would otherwise multiply its load.
    #[must_use]
    pub const fn budget(self, retries: u32) -> Self {
        Self {
            budget: retries,
            ..self
        }
    }

    /// Also retries calls that are not known to be safe to repeat, because they have the same
    /// effect when they are applied twice: an `INSERT` with `ON CONFLICT DO NOTHING` and a key of
    /// your own, for example.
    #[must_use]
    pub const fn idempotent(self) -> Self {
        Self {
            is_idempotent: true,
            ..self
        }
    }

    /// Makes a call until it succeeds. Each attempt is a call of its own for observers.
    ///
    /// Make one call in the closure, and return its own error: only the error shows whether a retry
    /// is safe. What the closure has done before is done again.
    ///
    /// # Errors
    /// The error of the last attempt.
    ///
    /// # Examples
    /// ```
    /// # async fn f(read: impl AsyncFn() -> bindery::Result<u32>) -> bindery::Result<()> {
    /// use bindery::resilience::Retry;
    ///
    /// let value = Retry::default().run(async || read().await).await?;
    /// # let _ = value; Ok(()) }
    /// ```
    pub async fn run<T, F>(self, mut call: impl FnMut() -> F) -> Result<T>
    where
        F: IntoFuture<Output = Result<T>>,
    {
        let mut retries = 0;
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let is_last = retries + 1 >= self.attempts;
            if is_last || !self.allows(&error) || !Scope::take_retry(self.budget) {
                return Err(error);
            }
            time::sleep(self.delay(retries)).await;
            retries += 1;
        }
    }

    /// Whether a retry can succeed, and does no harm.
    fn allows(self, error: &Error) -> bool {
        let is_transient = error.kind() == ErrorKind::Unavailable && error.is_retryable();
        is_transient && (self.is_idempotent || error.is_safe_to_repeat())
    }

    /// A random wait.
    fn delay(self, retries: u32) -> Duration {
        let factor = 1_u32.checked_shl(retries).unwrap_or(u32::MAX);
        let longest = self.base_delay.saturating_mul(factor).min(self.max_delay);
        // Without random numbers, the longest wait.
        let part = random::bytes().map_or(u32::MAX, u32::from_le_bytes);
        longest.mul_f64(f64::from(part) / f64::from(u32::MAX))
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Makes calls that fail, and returns how many attempts they made.
    async fn attempts_of_calls(retry: Retry, calls: u32) -> u32 {
        let mut attempts = 0;
        for _ in 0..calls {
            let call = || {
                attempts += 1;
                async { Err::<(), _>(Error::new(ErrorKind::Unavailable, "down")) }
            };
            assert!(retry.run(call).await.is_err());
        }
        attempts
    }

    #[test]
    fn a_request_has_a_budget_of_retries() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let retry = Retry::new()
            .base_delay(Duration::ZERO)
            .budget(3)
            .idempotent();
        let attempts = async {
            let scope = Arc::<Scope>::default();
            let first = scope.run(attempts_of_calls(retry, 5)).await;
            // Another request has its own budget, and outside of requests there is none.
            let scope = Arc::<Scope>::default();
            let second = scope.run(attempts_of_calls(retry, 1)).await;
            (first, second, attempts_of_calls(retry, 5).await)
        };
        let attempts = runtime.map(|runtime| runtime.block_on(attempts));
        assert_eq!(attempts.ok(), Some((5 + 3, 3, 15)));
    }

    #[test]
    fn a_delay_doubles_up_to_the_longest() {
        let retry = Retry::new();
        for (retries, longest) in [(0, 100), (1, 200), (2, 400), (5, 2000), (40, 2000)] {
            for _ in 0..100 {
                assert!(retry.delay(retries) <= Duration::from_millis(longest));
            }
        }
        let delays: Vec<Duration> = (0..100).map(|_| retry.delay(4)).collect();
        assert!(
            delays
                .iter()
                .any(|delay| *delay > Duration::from_millis(800))
        );
        assert!(
            delays
                .iter()
                .any(|delay| *delay < Duration::from_millis(800))
        );
    }
}
