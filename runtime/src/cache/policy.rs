//! How long a cached value is used.

use std::time::Duration;

use crate::error::Result;
use crate::random;

/// How long a [`TieredCache`](super::TieredCache) uses a value.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use bindery::cache::Policy;
///
/// const MINUTE: Duration = Duration::from_secs(60);
/// const NOTES: Policy = Policy::new(MINUTE).stale(MINUTE).negative(MINUTE).jitter(10);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    fresh: Duration,
    stale: Duration,
    negative: Duration,
    jitter: u8,
}

impl Policy {
    /// A value is fresh for a time, and then loaded again.
    #[must_use]
    pub const fn new(fresh: Duration) -> Self {
        Self {
            fresh,
            stale: Duration::ZERO,
            negative: Duration::ZERO,
            jitter: 0,
        }
    }

    /// After it is no longer fresh, a value can be used for this time: while a new one is loaded in
    /// the background, or if it cannot be loaded.
    #[must_use]
    pub const fn stale(self, stale: Duration) -> Self {
        Self { stale, ..self }
    }

    /// For this time, the cache remembers that there is no value.
    #[must_use]
    pub const fn negative(self, negative: Duration) -> Self {
        Self { negative, ..self }
    }

    /// A time is up to so many percent shorter, at random, so that values that were stored together
    /// do not expire together. More than 100 is 100.
    #[must_use]
    pub const fn jitter(self, percent: u8) -> Self {
        Self {
            jitter: if percent > 100 { 100 } else { percent },
            ..self
        }
    }

    /// The times for which a value, or its absence, is fresh and then stale. `None` if it is not
    /// stored.
    pub(super) fn times(&self, has_value: bool) -> Result<Option<(Duration, Duration)>> {
        let (fresh, stale) = match has_value {
            true => (self.fresh, self.stale),
            false => (self.negative, Duration::ZERO),
        };
        if fresh.is_zero() && stale.is_zero() {
            return Ok(None);
        }
        if self.jitter == 0 {
            return Ok(Some((fresh, stale)));
        }
        let [byte] = random::bytes()?;
        // In ten thousandths, because a byte is up to 255.
        let shorter = u32::from(self.jitter) * u32::from(byte) * 100 / 255;
        Ok(Some((fresh - fresh / 10_000 * shorter, stale)))
    }
}
