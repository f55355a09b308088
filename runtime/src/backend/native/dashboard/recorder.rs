//! What the dashboard records of calls.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::error::Service;
use crate::observe::{Aggregate, Cost, Event, Journal, Measures, Observer, Prices, Scope};

use super::super::pool::lock;

/// The requests and errors that are kept.
const RECENT: usize = 100;

/// The seconds of the chart.
pub(super) const SECONDS: usize = 60;

/// The part of a free allowance at which the log has a warning, and the page marks the resource.
pub(super) const WARNING: f64 = 0.8;

/// Receives the events of a server.
#[derive(Clone)]
pub(super) struct Recorder(Arc<Inner>);

struct Inner {
    aggregate: Aggregate,
    cost: Cost,
    start: Instant,
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    requests: VecDeque<RecentRequest>,
    errors: VecDeque<RecentError>,
    caches: BTreeMap<String, CacheCounts>,
    /// The last seconds, the oldest first.
    seconds: VecDeque<Second>,
}

/// A request or a batch that a handler has processed.
#[derive(Clone)]
pub(super) struct RecentRequest {
    /// The method and the path, or the queue.
    pub(super) name: String,
    pub(super) ended: SystemTime,
    pub(super) duration: Duration,
    pub(super) status: Option<u16>,
    pub(super) is_error: bool,
    pub(super) journal: Arc<Journal>,
}

/// A call or a request that failed.
#[derive(Clone)]
pub(super) struct RecentError {
    pub(super) name: String,
    pub(super) time: SystemTime,
    pub(super) kind: &'static str,
    pub(super) message: String,
}

/// The lookups of a cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CacheCounts {
    /// The hits in each tier.
    pub(super) hits: BTreeMap<&'static str, u64>,
    pub(super) misses: u64,
}

/// What happened in a second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Second {
    /// Since the start.
    number: u64,
    pub(super) requests: u64,
    pub(super) errors: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self(Arc::new(Inner {
            aggregate: Aggregate::default(),
            cost: Cost::new(Prices::default()).warn_at(WARNING),
            start: Instant::now(),
            recent: Mutex::default(),
        }))
    }
}

impl Recorder {
    pub(super) fn aggregate(&self) -> &Aggregate {
        &self.0.aggregate
    }

    pub(super) fn cost(&self) -> &Cost {
        &self.0.cost
    }

    /// Returns the last requests, the newest first.
    pub(super) fn requests(&self) -> Vec<RecentRequest> {
        let recent = lock(&self.0.recent);
        recent.requests.iter().rev().cloned().collect()
    }

    /// Returns the last errors, the newest first.
    pub(super) fn errors(&self) -> Vec<RecentError> {
        let recent = lock(&self.0.recent);
        recent.errors.iter().rev().cloned().collect()
    }

    /// Returns the caches by name.
    pub(super) fn caches(&self) -> BTreeMap<String, CacheCounts> {
        lock(&self.0.recent).caches.clone()
    }

    /// Returns the last seconds, the oldest first.
    pub(super) fn seconds(&self) -> [Second; SECONDS] {
        let now = self.0.start.elapsed().as_secs();
        let mut seconds = [Second::default(); SECONDS];
        for second in &lock(&self.0.recent).seconds {
            let age = usize::try_from(now - second.number).unwrap_or(usize::MAX);
            if age < SECONDS {
                seconds[SECONDS - 1 - age] = *second;
            }
        }
        seconds
    }
}

impl Recent {
    /// Returns the current second.
    fn second(&mut self, number: u64) -> Option<&mut Second> {
        // Another thread can have read the clock later.
        if self.seconds.back().is_none_or(|last| last.number < number) {
            push(
                &mut self.seconds,
                SECONDS,
                Second {
                    number,
                    ..Second::default()
                },
            );
        }
        self.seconds.back_mut()
    }
}

fn push<T>(list: &mut VecDeque<T>, limit: usize, item: T) {
    if list.len() == limit {
        list.pop_front();
    }
    list.push_back(item);
}

impl Observer for Recorder {
    fn record(&self, event: &Event<'_>) {
        self.0.aggregate.record(event);
        self.0.cost.record(event);

        let scope = Scope::current();
        let is_request = event.service == Service::Worker;
        let name = match &scope {
            Some(scope) if is_request => request_name(scope, event),
            _ => call_name(event),
        };
        if let Some(scope) = scope.as_ref().filter(|_| !is_request) {
            scope.journal().add(name.clone(), details(event), event);
        }

        let mut recent = lock(&self.0.recent);
        if let Some(error) = event.error {
            push(
                &mut recent.errors,
                RECENT,
                RecentError {
                    name: name.clone(),
                    time: SystemTime::now(),
                    kind: error.kind().name(),
                    message: error.message().to_owned(),
                },
            );
        }
        if let (Some(hit), "lookup") = (event.measures.hit, event.operation) {
            let cache = recent.caches.entry(event.binding.to_owned()).or_default();
            match event.measures.tier.filter(|_| hit) {
                Some(tier) => *cache.hits.entry(tier).or_default() += 1,
                None => cache.misses += 1,
            }
        }
        if is_request {
            if let Some(second) = recent.second(self.0.start.elapsed().as_secs()) {
                second.requests += 1;
                second.errors += u64::from(event.is_error());
            }
            push(
                &mut recent.requests,
                RECENT,
                RecentRequest {
                    name,
                    ended: SystemTime::now(),
                    duration: event.duration,
                    status: event.measures.status,
                    is_error: event.is_error(),
                    journal: scope.map_or_else(Arc::default, |scope| Arc::clone(scope.journal())),
                },
            );
        }
    }
}

fn request_name(scope: &Scope, event: &Event<'_>) -> String {
    let request = scope.request();
    match request.method.is_empty() {
        true => format!("{} {}", event.operation, event.binding),
        false => format!("{} {}", request.method, request.path),
    }
}

fn call_name(event: &Event<'_>) -> String {
    let (service, binding) = (event.service.name(), event.binding);
    let operation = event.query.unwrap_or(event.operation);
    format!("{service} {binding} {operation}")
}

/// The counts of a call in words, or its error.
fn details(event: &Event<'_>) -> String {
    if let Some(error) = event.error {
        return format!("{}: {}", error.kind().name(), error.message());
    }
    let Measures {
        rows_read,
        rows_written,
        count,
        bytes,
        hit,
        tier,
        ..
    } = event.measures;

    let counts = [
        ("rows read", rows_read),
        ("rows written", rows_written),
        ("returned", count),
        ("bytes", bytes),
    ];
    let counts = counts.into_iter().filter_map(|(name, count)| {
        let count = count.filter(|count| *count > 0)?;
        Some(format!("{count} {name}"))
    });
    let outcome = hit.map(|hit| if hit { "hit" } else { "miss" }.to_owned());
    let tier = tier.map(|tier| format!("in {tier}"));
    counts
        .chain(outcome)
        .chain(tier)
        .collect::<Vec<_>>()
        .join(", ")
}
