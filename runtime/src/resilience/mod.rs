//! Calls that fail for a while: retries, timeouts, circuit breakers, and faults to test them with.
//!
//! Nothing is retried by itself: only the application knows which calls are safe to repeat. Reads
//! are, and so are writes that have the same result when they are applied twice.
//!
//! # Examples
//! ```
//! # async fn f(read_rate: impl AsyncFn() -> bindery::Result<f64>) {
//! use std::time::Duration;
//!
//! use bindery::resilience::{CircuitBreaker, Retry, timeout};
//!
//! static RATES: CircuitBreaker = CircuitBreaker::new(5, Duration::from_secs(30));
//!
//! let read = async || timeout(Duration::from_millis(500), read_rate()).await;
//! let rate = RATES.run(|| Retry::default().run(read)).await;
//! println!("{}", rate.unwrap_or(1.0));
//! # }
//! ```

mod circuit_breaker;
mod faults;
mod idempotency;
#[cfg(not(target_arch = "wasm32"))]
mod injected;
mod retry;

use std::future::IntoFuture;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::error::{Error, ErrorKind, Result};
use crate::time;

pub use circuit_breaker::CircuitBreaker;
pub use faults::{FaultRules, Faults, OfKv, OfQueues};
pub use idempotency::{IdempotencyKeys, Run};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use injected::Injected;
pub use retry::Retry;

/// Runs a call for at most `limit`.
///
/// A call whose time is over is dropped. The service may still apply a write.
///
/// # Errors
/// `Timeout` if the call has not ended in time.
///
/// # Examples
/// ```
/// # async fn f(slow: impl Future<Output = bindery::Result<u32>>) -> bindery::Result<()> {
/// use std::time::Duration;
///
/// use bindery::resilience::timeout;
///
/// let value = timeout(Duration::from_millis(500), slow).await?;
/// # let _ = value; Ok(()) }
/// ```
pub async fn timeout<T>(limit: Duration, call: impl IntoFuture<Output = Result<T>>) -> Result<T> {
    let sleep = time::sleep(limit);
    match select(pin!(call.into_future()), pin!(sleep)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => {
            let message = format!("the call has not ended after {limit:?}");
            Err(Error::worker("timeout", ErrorKind::Timeout, message))
        }
    }
}
