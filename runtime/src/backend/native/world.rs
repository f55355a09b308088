//! What a test can replace: the clock, the random numbers and the responses of other servers.
//!
//! A test runs on one thread, so the world of a test belongs to a thread. All other threads use the
//! clock and the random numbers of the machine.

use std::cell::RefCell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use crate::observe::Observers;

use super::pool::lock;

/// The world of one test.
#[derive(Debug, Default)]
pub(super) struct World {
    /// How far the clock is ahead, in milliseconds.
    ahead: AtomicI64,
    /// How far the clock was moved forward in total, in milliseconds.
    advanced: AtomicU64,
    /// Wakes those who sleep when the clock moves.
    moved: Notify,
    /// The state of the random numbers, if the test has chosen a seed.
    random: Mutex<Option<u64>>,
    /// The responses of other servers.
    #[cfg(feature = "fetch")]
    pub(super) servers: super::fetch::Servers,
    /// The responses in the caches of the data center.
    pub(super) edge_cache: Arc<Mutex<super::edge_cache::Stored>>,
    /// The observers of the test's environment.
    pub(super) observers: Mutex<Arc<Observers>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<World>>> = const { RefCell::new(None) };
}

/// The world of a test on this thread, until it is dropped.
pub(super) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|current| current.borrow_mut().take());
    }
}

/// Makes a world the one of this thread.
pub(super) fn enter(world: &Arc<World>) -> Entered {
    CURRENT.with(|current| *current.borrow_mut() = Some(Arc::clone(world)));
    Entered(())
}

/// Returns the world of this thread, if it runs a test.
pub(super) fn current() -> Option<Arc<World>> {
    CURRENT.with(|current| current.borrow().clone())
}

impl World {
    /// How far the clock is ahead, in milliseconds.
    pub(super) fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// How far the clock was moved forward in total.
    pub(super) fn advanced(&self) -> Duration {
        Duration::from_millis(self.advanced.load(Ordering::Relaxed))
    }

    /// Moves the clock. Moving it back does not take time back.
    pub(super) fn move_clock(&self, milliseconds: i64) {
        self.ahead.fetch_add(milliseconds, Ordering::Relaxed);
        let forward = u64::try_from(milliseconds).unwrap_or(0);
        self.advanced.fetch_add(forward, Ordering::Relaxed);
        self.moved.notify_waiters();
    }

    /// Waits for a time of the clock of this world.
    pub(super) async fn sleep(&self, duration: Duration) {
        let end = super::clock::monotonic() + duration;
        loop {
            let moved = self.moved.notified();
            let remaining = end.saturating_sub(super::clock::monotonic());
            if remaining.is_zero() {
                return;
            }
            let _ = tokio::time::timeout(remaining, moved).await;
        }
    }

    /// Makes the random numbers the same in each run.
    pub(super) fn seed(&self, seed: u64) {
        *lock(&self.random) = Some(seed);
    }

    /// Fills `bytes` with the next random numbers of the seed. Returns whether there is one.
    pub(super) fn fill_random(&self, bytes: &mut [u8]) -> bool {
        let mut random = lock(&self.random);
        let Some(state) = random.as_mut() else {
            return false;
        };
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&split_mix(state).to_le_bytes()[..chunk.len()]);
        }
        true
    }
}

/// The next number of `SplitMix64`, whose numbers are different for each seed.
///
/// <https://doi.org/10.1145/2714064.2660195>
pub(crate) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
