//! Time in both worlds: the current time, durations and waiting.
//!
//! `SystemTime::now` and `Instant::now` of the standard library panic on Workers. Use this module
//! instead, also natively: then a test can move the clock.
//!
//! On Workers the clock only advances during I/O.
//!
//! <https://developers.cloudflare.com/workers/reference/security-model/#step-1-disallow-timers-and-multi-threading>
//!
//! # Examples
//! ```
//! # async fn f() {
//! use std::time::Duration;
//!
//! use bindery::time::{self, Instant};
//!
//! let start = Instant::now();
//! time::sleep(Duration::from_millis(10)).await;
//! println!("{:?} later, it is {:?}", start.elapsed(), time::now());
//! # }
//! ```

use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime};

use crate::backend;

/// Returns the current time.
#[must_use]
pub fn now() -> SystemTime {
    backend::now()
}

/// Waits for a time.
pub async fn sleep(duration: Duration) {
    backend::sleep(duration).await;
}

/// A point in time, for differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// Returns the current point in time.
    #[must_use]
    pub fn now() -> Self {
        Self(backend::monotonic())
    }

    /// Returns the time since this point, or zero if the point is in the future.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Self::now().duration_since(self)
    }

    /// Returns the time since an earlier point, or zero if the point is later.
    #[must_use]
    pub fn duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}
