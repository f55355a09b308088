//! Workers that have to agree: locks, leaders, counters and presence, each in a Durable Object
//! class that bindery has.
//!
//! Give a class a name in your crate, where `Env` is, and declare it in the manifest and in
//! `handlers!` as one of your own:
//!
//! ```text
//! pub type Leases = bindery::coordination::LeaseObject<Env>;
//! ```

mod counter;
mod lease;
mod presence;

use std::time::{Duration, SystemTime};

use crate::time;

pub use counter::{CounterClient, CounterObject, ShardedCounter};
pub use lease::{Lease, LeaseClient, LeaseObject};
pub use presence::{PresenceClient, PresenceObject};

/// The current time in milliseconds since the Unix epoch.
fn now() -> u64 {
    let now = time::now().duration_since(SystemTime::UNIX_EPOCH);
    milliseconds(now.unwrap_or_default())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn at(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}
