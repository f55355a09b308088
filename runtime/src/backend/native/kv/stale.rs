//! Values from before a change, which an injected fault makes reads return.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::kv::Stored;
use crate::resilience::Faults;

use super::super::clock::now_milliseconds;
use super::super::pool::lock;

/// The longest time that a fault can delay a change.
const MAX_STALENESS: Duration = Duration::from_secs(60);

/// The changes of one namespace that reads may not see yet.
#[derive(Debug, Clone)]
pub(super) struct Stale {
    binding: &'static str,
    faults: Faults,
    changes: Arc<Mutex<HashMap<String, Vec<Change>>>>,
}

#[derive(Debug)]
struct Change {
    /// In milliseconds since the Unix epoch.
    at: i64,
    /// The value before the change.
    before: Option<Stored>,
}

impl Stale {
    pub(super) fn new(binding: &'static str, faults: Faults) -> Self {
        Self {
            binding,
            faults,
            changes: Arc::default(),
        }
    }

    /// Whether the value before a change is needed.
    pub(super) fn is_active(&self) -> bool {
        !self.faults.staleness(self.binding).is_zero()
    }

    /// Remembers the value before a change.
    pub(super) fn add(&self, name: &str, before: Option<Stored>) {
        let at = now_milliseconds();
        let oldest = at - MAX_STALENESS.as_millis() as i64;
        let mut changes = lock(&self.changes);
        let changes = changes.entry(name.to_owned()).or_default();
        changes.retain(|change| change.at > oldest);
        changes.push(Change { at, before });
    }

    /// Returns what a read sees, unless it sees the current value.
    pub(super) fn read(&self, name: &str) -> Option<Option<Stored>> {
        let staleness = self.faults.staleness(self.binding);
        if staleness.is_zero() {
            return None;
        }
        let visible = now_milliseconds() - staleness.as_millis() as i64;
        let changes = lock(&self.changes);
        let unseen = changes
            .get(name)?
            .iter()
            .find(|change| change.at > visible)?;
        Some(unseen.before.clone())
    }
}
