//! Counts, errors and percentiles of calls.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{Event, Observer};
use crate::error::Service;

/// The number of different calls. The hosts of requests can be any number.
const MAX_CALLS: usize = 1000;

/// The binding of the calls beyond [`MAX_CALLS`].
const OTHERS: &str = "(others)";

/// The significant digits of a duration, so that a percentile is exact to 1 %.
const DIGITS: u8 = 2;

/// The longest duration that is distinguished: an hour.
const MAX_MICROSECONDS: u64 = 3_600_000_000;

/// Counts calls and measures their durations, by service, binding, operation and query.
///
/// It is an observer, and its clones share their counts. On Workers each instance of the worker has
/// its own.
///
/// # Examples
/// ```
/// # struct Env; impl Env { fn observe(&self, _: impl bindery::observe::Observer) {} }
/// use bindery::observe::Aggregate;
///
/// fn start(env: &Env) {
///     let aggregate = Aggregate::default();
///     env.observe(aggregate.clone());
///     println!("{aggregate}");
/// }
/// ```
#[derive(Clone, Default)]
pub struct Aggregate(Arc<Mutex<Calls>>);

/// A service, an operation and a query.
type Operation = (Service, &'static str, Option<&'static str>);

/// The calls, found without an allocation.
#[derive(Default)]
struct Calls {
    /// Each operation with its bindings.
    calls: HashMap<Operation, Vec<(String, Entry)>>,
    count: usize,
}

#[derive(Default)]
struct Entry {
    calls: u64,
    errors: BTreeMap<&'static str, u64>,
    /// In microseconds.
    durations: Option<Histogram<u32>>,
    total: Duration,
    max: Duration,
    rows_read: u64,
    rows_written: u64,
    bytes: u64,
    hits: u64,
    misses: u64,
}

/// The calls with one service, binding, operation and query.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The name of the service.
    pub service: &'static str,
    /// The name of the binding.
    pub binding: String,
    /// The operation.
    pub operation: &'static str,
    /// The name of the D1 query.
    pub query: Option<&'static str>,
    /// The number of calls.
    pub calls: u64,
    /// The number of failed calls for each kind of error. Responses with the status 500 or above
    /// have the kind `server_error`.
    pub errors: BTreeMap<&'static str, u64>,
    /// The duration that half of the calls do not exceed.
    pub p50: Duration,
    /// The duration that 95 % of the calls do not exceed.
    pub p95: Duration,
    /// The duration that 99 % of the calls do not exceed.
    pub p99: Duration,
    /// The longest duration.
    pub max: Duration,
    /// The sum of the durations.
    pub total: Duration,
    /// The rows that D1 read.
    pub rows_read: u64,
    /// The rows that D1 wrote.
    pub rows_written: u64,
    /// The bytes of values.
    pub bytes: u64,
    /// The keys and objects that existed, and those that a cache had.
    pub hits: u64,
    /// The keys and objects that did not exist, and those that a cache did not have.
    pub misses: u64,
}

impl fmt::Debug for Aggregate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Aggregate").finish_non_exhaustive()
    }
}

impl Aggregate {
    /// Returns a summary of each different call, in the order of service, binding, operation and
    /// query.
    #[must_use]
    pub fn summaries(&self) -> Vec<Summary> {
        let calls = self.lock();
        let mut summaries = Vec::with_capacity(calls.count);
        for (&(service, operation, query), bindings) in &calls.calls {
            let summary = |(binding, entry): &(String, Entry)| {
                entry.summary(service.name(), binding.clone(), operation, query)
            };
            summaries.extend(bindings.iter().map(summary));
        }
        drop(calls);

        summaries.sort_by(|one, other| one.name().cmp(&other.name()));
        summaries
    }

    /// Forgets all calls.
    pub fn reset(&self) {
        *self.lock() = Calls::default();
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    fn entry(&mut self, event: &Event<'_>) -> Option<&mut Entry> {
        let is_full = self.count >= MAX_CALLS;
        let key = (event.service, event.operation, event.query);
        let bindings = self.calls.entry(key).or_default();
        let find = |bindings: &[(String, Entry)], name: &str| {
            bindings.iter().position(|(binding, _)| binding == name)
        };

        let mut index = find(bindings, event.binding);
        if index.is_none() {
            let name = if is_full { OTHERS } else { event.binding };
            index = find(bindings, name).or_else(|| {
                self.count += 1;
                bindings.push((name.to_owned(), Entry::default()));
                Some(bindings.len() - 1)
            });
        }
        bindings.get_mut(index?).map(|(_, entry)| entry)
    }
}

impl Entry {
    fn add(&mut self, event: &Event<'_>) {
        self.calls += 1;
        if event.is_error() {
            let kind = event
                .error
                .map_or("server_error", |error| error.kind().name());
            *self.errors.entry(kind).or_default() += 1;
        }

        if self.durations.is_none() {
            self.durations = Histogram::new(DIGITS).ok();
        }
        if let Some(durations) = &mut self.durations {
            let microseconds = u64::try_from(event.duration.as_micros()).unwrap_or(u64::MAX);
            // It grows up to this value, so recording does not fail.
            let _ = durations.record(microseconds.min(MAX_MICROSECONDS));
        }
        self.total = self.total.saturating_add(event.duration);
        self.max = self.max.max(event.duration);

        let measures = event.measures;
        self.rows_read += measures.rows_read.unwrap_or(0);
        self.rows_written += measures.rows_written.unwrap_or(0);
        self.bytes += measures.bytes.unwrap_or(0);
        self.hits += u64::from(measures.hit == Some(true));
        self.misses += u64::from(measures.hit == Some(false));
    }

    fn summary(
        &self,
        service: &'static str,
        binding: String,
        operation: &'static str,
        query: Option<&'static str>,
    ) -> Summary {
        let quantile = |quantile: f64| {
            let durations = self.durations.as_ref();
            let microseconds = durations.map_or(0, |all| all.value_at_quantile(quantile));
            Duration::from_micros(microseconds).min(self.max)
        };

        Summary {
            service,
            binding,
            operation,
            query,
            calls: self.calls,
            errors: self.errors.clone(),
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: self.max,
            total: self.total,
            rows_read: self.rows_read,
            rows_written: self.rows_written,
            bytes: self.bytes,
            hits: self.hits,
            misses: self.misses,
        }
    }
}

impl Summary {
    fn name(&self) -> (&str, &str, &str, Option<&str>) {
        (self.service, &self.binding, self.operation, self.query)
    }
}

impl Observer for Aggregate {
    fn record(&self, event: &Event<'_>) {
        let mut calls = self.lock();
        if let Some(entry) = calls.entry(event) {
            entry.add(event);
        }
    }
}

/// The summaries as a table. Durations are in milliseconds.
impl fmt::Display for Aggregate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:44} {:>8} {:>6} {:>8} {:>8} {:>8}",
            "call", "calls", "errors", "p50", "p95", "p99"
        )?;

        for summary in self.summaries() {
            let (service, binding, operation, query) = summary.name();
            let call = format!("{service} {binding} {}", query.unwrap_or(operation));
            let errors: u64 = summary.errors.values().sum();
            let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
            write!(
                formatter,
                "\n{call:44} {:>8} {errors:>6} {:>8.2} {:>8.2} {:>8.2}",
                summary.calls,
                milliseconds(summary.p50),
                milliseconds(summary.p95),
                milliseconds(summary.p99)
            )?;
        }
        Ok(())
    }
}
