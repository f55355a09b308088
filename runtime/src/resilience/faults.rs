//! Faults that the native backend injects.

#![cfg_attr(
    target_arch = "wasm32",
    expect(dead_code, reason = "only the native backend injects faults")
)]

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(not(target_arch = "wasm32"))]
use super::injected::Injection;
#[cfg(not(target_arch = "wasm32"))]
use crate::error::Failure;
use crate::error::{Error, ErrorKind, Result, Service};

/// Faults that are injected into the calls to bindings, natively only.
///
/// A test gets them from [`TestWorld::faults`](crate::TestWorld::faults), a server from
/// `ServerOptions::faults` or the variable `BINDERY_FAULTS`. The same seed and the same calls have
/// the same faults. Clones share their rules.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use bindery::resilience::Faults;
///
/// let faults = Faults::default();
/// faults.seed(7);
/// // Every tenth call to a database fails, and each takes 20 milliseconds longer.
/// faults.d1().fail(0.1).delay(Duration::from_millis(20));
/// // A value that was written can be read half a minute later.
/// faults.kv().stale_for(Duration::from_secs(30));
/// // A part of an upload arrives, but its response does not.
/// faults.r2().operation("upload_part").lose_response(0.2);
/// ```
#[derive(Clone, Default)]
pub struct Faults(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Whether there is a rule, so that a call without faults needs no lock.
    is_active: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    random: u64,
    rules: Vec<Rule>,
    injected: u64,
}

/// Which calls have a fault, and which one.
#[derive(Clone)]
struct Rule {
    calls: Calls,
    fault: Fault,
    /// Whether a call has matched.
    is_used: bool,
}

#[derive(Clone, Default)]
struct Calls {
    service: Option<Service>,
    binding: Option<String>,
    operation: Option<String>,
}

#[derive(Clone, Copy)]
enum Fault {
    /// A part of the calls fails before anything happens.
    Fail(f64, ErrorKind),
    /// A part of the calls fails after it was applied.
    LoseResponse(f64),
    Delay(Duration),
    /// Reads of KV return values from before this time.
    Stale(Duration),
    /// A part of the messages is delivered again.
    Redeliver(f64),
}

impl fmt::Debug for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        formatter
            .debug_struct("Faults")
            .field("rules", &state.rules.len())
            .field("injected", &state.injected)
            .finish()
    }
}

impl Faults {
    /// Sets the seed that decides which calls have a fault. It is 0 at first.
    pub fn seed(&self, seed: u64) {
        self.state().random = seed;
    }

    /// Removes all rules.
    pub fn clear(&self) {
        let mut state = self.state();
        state.rules.clear();
        self.0.is_active.store(false, Ordering::Release);
    }

    /// Returns how many calls and messages had a fault, without delays.
    #[must_use]
    pub fn injected(&self) -> u64 {
        self.state().injected
    }

    /// Faults of the calls to every service.
    #[must_use]
    pub fn all(&self) -> FaultRules<'_> {
        self.of(None)
    }

    /// Faults of D1.
    #[must_use]
    pub fn d1(&self) -> FaultRules<'_> {
        self.of(Some(Service::D1))
    }

    /// Faults of KV.
    #[must_use]
    pub fn kv(&self) -> FaultRules<'_, OfKv> {
        self.of(Some(Service::Kv))
    }

    /// Faults of R2.
    #[must_use]
    pub fn r2(&self) -> FaultRules<'_> {
        self.of(Some(Service::R2))
    }

    /// Faults of queues.
    #[must_use]
    pub fn queue(&self) -> FaultRules<'_, OfQueues> {
        self.of(Some(Service::Queue))
    }

    /// Faults of another service: of requests to other servers, for example.
    #[must_use]
    pub fn service(&self, service: Service) -> FaultRules<'_> {
        self.of(Some(service))
    }

    fn of<S>(&self, service: Option<Service>) -> FaultRules<'_, S> {
        let calls = Calls {
            service,
            ..Calls::default()
        };
        FaultRules {
            faults: self,
            calls,
            service: PhantomData,
        }
    }

    fn add(&self, calls: &Calls, fault: Fault) {
        let calls = calls.clone();
        let is_used = false;
        self.state().rules.push(Rule {
            calls,
            fault,
            is_used,
        });
        self.0.is_active.store(true, Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Faults of KV.
#[derive(Debug, Clone, Copy)]
pub enum OfKv {}

/// Faults of queues.
#[derive(Debug, Clone, Copy)]
pub enum OfQueues {}

/// Adds rules to [`Faults`]. A part is a number from 0 to 1: 0.1 is every tenth call.
#[derive(Clone)]
pub struct FaultRules<'f, S = ()> {
    faults: &'f Faults,
    calls: Calls,
    service: PhantomData<S>,
}

impl<S> fmt::Debug for FaultRules<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FaultRules").finish_non_exhaustive()
    }
}

impl<S> FaultRules<'_, S> {
    /// Restricts the rules that follow to one binding.
    #[must_use]
    pub fn binding(mut self, binding: impl Into<String>) -> Self {
        self.calls.binding = Some(binding.into());
        self
    }

    /// Restricts the rules that follow to one operation, such as `put`.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.calls.operation = Some(operation.into());
        self
    }

    /// Makes a part of the calls fail with `Unavailable`, before anything happens.
    #[expect(clippy::return_self_not_must_use, reason = "the rule is added at once")]
    pub fn fail(self, part: f64) -> Self {
        self.fail_with(part, ErrorKind::Unavailable)
    }

    /// Makes a part of the calls fail with `Overloaded`, before anything happens.
    #[expect(clippy::return_self_not_must_use, reason = "the rule is added at once")]
    pub fn overload(self, part: f64) -> Self {
        self.fail_with(part, ErrorKind::Overloaded)
    }

    /// Makes a part of the calls fail with an error of a kind, before anything happens.
    #[expect(clippy::return_self_not_must_use, reason = "the rule is added at once")]
    pub fn fail_with(self, part: f64, kind: ErrorKind) -> Self {
        self.faults.add(&self.calls, Fault::Fail(part, kind));
        self
    }

    /// Makes a part of the calls fail with `Unavailable` after they were applied, as if the
    /// connection were lost before the response.
    #[expect(clippy::return_self_not_must_use, reason = "the rule is added at once")]
    pub fn lose_response(self, part: f64) -> Self {
        self.faults.add(&self.calls, Fault::LoseResponse(part));
        self
    }

    /// Makes each call take longer. In a test the delay follows its clock.
    #[expect(clippy::return_self_not_must_use, reason = "the rule is added at once")]
    pub fn delay(self, delay: Duration) -> Self {
        self.faults.add(&self.calls, Fault::Delay(delay));
        self
    }
}

impl FaultRules<'_, OfKv> {
    /// Makes reads of values return what was stored this time ago, at most a minute: so long can a
    /// location of KV not see a write of another one.
    ///
    /// Only writes after this rule are late. A list shows them at once.
    #[expect(clippy::return_self_not_must_use, reason = "the rule is added at once")]
    pub fn stale_for(self, time: Duration) -> Self {
        let time = time.min(Duration::from_secs(60));
        self.faults.add(&self.calls, Fault::Stale(time));
        self
    }
}

impl FaultRules<'_, OfQueues> {
    /// Makes the queue deliver a part of the acknowledged messages again, as a queue that delivers
    /// at least once may do.
    #[expect(clippy::return_self_not_must_use, reason = "the rule is added at once")]
    pub fn redeliver(self, part: f64) -> Self {
        self.faults.add(&self.calls, Fault::Redeliver(part));
        self
    }
}

/// Reads rules such as `seed=7 d1:fail=0.1 r2.upload_part:lose_response=0.2 kv:stale_for=30s`.
///
/// A rule is a service (`all`, or a name of [`Service::name`]), optionally an operation, the fault
/// and its part or time.
impl FromStr for Faults {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let faults = Self::default();
        for rule in text.split_ascii_whitespace() {
            if !faults.add_text(rule) {
                let message = format!(
                    "`{rule}` is not a fault: write `seed=7`, or a rule such as `d1:fail=0.1`, \
                     `r2.put:lose_response=0.1`, `all:delay=20ms`, `kv:stale_for=30s` or \
                     `queue:redeliver=0.1`"
                );
                return Err(Error::worker("faults", ErrorKind::InvalidArgument, message));
            }
        }
        Ok(faults)
    }
}

impl Faults {
    /// Adds a rule, if the text is one.
    fn add_text(&self, rule: &str) -> bool {
        if let Some(seed) = rule.strip_prefix("seed=") {
            return seed.parse().map(|seed| self.seed(seed)).is_ok();
        }
        let Some(((calls, fault), value)) = rule
            .split_once('=')
            .and_then(|(left, value)| Some((left.split_once(':')?, value)))
        else {
            return false;
        };
        let (service, operation) = match calls.split_once('.') {
            Some((service, operation)) => (service, Some(operation.to_owned())),
            None => (calls, None),
        };
        let service = match service {
            "all" => None,
            name => match Service::ALL.iter().find(|service| service.name() == name) {
                Some(service) => Some(*service),
                None => return false,
            },
        };

        let part = value.parse().ok().filter(|part| (0.0..=1.0).contains(part));
        let time = duration(value);
        let fault = match (fault, service) {
            ("fail", _) => part.map(|part| Fault::Fail(part, ErrorKind::Unavailable)),
            ("overload", _) => part.map(|part| Fault::Fail(part, ErrorKind::Overloaded)),
            ("lose_response", _) => part.map(Fault::LoseResponse),
            ("delay", _) => time.map(Fault::Delay),
            ("stale_for", Some(Service::Kv)) => time.map(Fault::Stale),
            ("redeliver", Some(Service::Queue)) => part.map(Fault::Redeliver),
            _ => None,
        };
        let calls = Calls {
            service,
            binding: None,
            operation,
        };
        fault.map(|fault| self.add(&calls, fault)).is_some()
    }
}

/// Reads a time such as `20ms` or `30s`.
fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(milliseconds) => milliseconds.parse().ok().map(Duration::from_millis),
        None => text
            .strip_suffix('s')?
            .parse()
            .ok()
            .map(Duration::from_secs),
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Faults {
    /// Whether there are rules.
    pub(crate) fn are_active(&self) -> bool {
        self.0.is_active.load(Ordering::Acquire)
    }

    /// Returns the rules that no call has matched, as text.
    pub(crate) fn unused(&self) -> Vec<String> {
        let state = self.state();
        let unused = state.rules.iter().filter(|rule| !rule.is_used);
        unused.map(|rule| rule.calls.to_string()).collect()
    }

    /// Decides what happens to a call.
    pub(crate) fn injection(&self, service: Service, binding: &str, operation: &str) -> Injection {
        let mut injection = Injection::default();
        let mut state = self.state();
        let State { random, rules, .. } = &mut *state;
        for rule in rules {
            if !rule.calls.include(service, binding, operation) {
                continue;
            }
            rule.is_used = true;
            match rule.fault {
                Fault::Fail(part, kind) if is_hit(random, part) => {
                    injection.failure = Some(Failure::new(kind, "an injected fault"));
                }
                Fault::LoseResponse(part) if is_hit(random, part) => {
                    let message = "an injected fault: the response is lost";
                    injection.loss = Some(Failure::new(ErrorKind::Unavailable, message));
                }
                Fault::Delay(delay) => {
                    injection.delay = Some(injection.delay.unwrap_or_default() + delay);
                }
                _ => {}
            }
        }
        let has_failed = injection.failure.is_some() || injection.loss.is_some();
        state.injected += u64::from(has_failed);
        injection
    }

    /// Returns how old the values are that a namespace of KV returns.
    pub(crate) fn staleness(&self, binding: &str) -> Duration {
        if !self.are_active() {
            return Duration::ZERO;
        }
        let mut longest = Duration::ZERO;
        for rule in &mut self.state().rules {
            if let Fault::Stale(time) = rule.fault
                && rule.calls.include(Service::Kv, binding, "get")
            {
                rule.is_used = true;
                longest = longest.max(time);
            }
        }
        longest
    }

    /// Decides whether a message that was acknowledged is delivered again.
    pub(crate) fn redelivers(&self, queue: &str) -> bool {
        if !self.are_active() {
            return false;
        }
        let mut state = self.state();
        let State { random, rules, .. } = &mut *state;
        let mut redelivers = false;
        for rule in rules {
            if let Fault::Redeliver(part) = rule.fault
                && rule.calls.include(Service::Queue, queue, "deliver")
            {
                rule.is_used = true;
                redelivers |= is_hit(random, part);
            }
        }
        state.injected += u64::from(redelivers);
        redelivers
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Calls {
    fn include(&self, service: Service, binding: &str, operation: &str) -> bool {
        let is_binding = |known: &String| known == binding;
        let is_operation = |known: &String| known == operation;
        // A lookup in several tiers is not a call of its own.
        operation != "lookup"
            && self.service.is_none_or(|known| known == service)
            && self.binding.as_ref().is_none_or(is_binding)
            && self.operation.as_ref().is_none_or(is_operation)
    }
}

/// The service, the binding and the operation.
impl fmt::Display for Calls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.service.map_or("all", Service::name))?;
        for part in [&self.binding, &self.operation].into_iter().flatten() {
            write!(formatter, " {part}")?;
        }
        Ok(())
    }
}

/// Whether the next random number is in a part.
#[cfg(not(target_arch = "wasm32"))]
fn is_hit(random: &mut u64, part: f64) -> bool {
    let number = crate::backend::split_mix(random) >> 11;
    (number as f64) < part * 2_f64.powi(53)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let text = "seed=7 d1:fail=0.1 r2.put:lose_response=1 all:delay=20ms kv:stale_for=30s \
                    queue:redeliver=0.5";
        let faults: Faults = text.parse().expect("it is valid");
        let injection = faults.injection(Service::R2, "FILES", "put");
        assert!(injection.loss.is_some());
        assert_eq!(injection.delay, Some(Duration::from_millis(20)));
        assert_eq!(faults.staleness("CACHE"), Duration::from_secs(30));

        for wrong in [
            "d1",
            "d1:fail",
            "d1:fail=2",
            "d2:fail=1",
            "d1:stale_for=1s",
            "kv:stale_for=1m",
            "seed=x",
        ] {
            let error = wrong.parse::<Faults>().expect_err(wrong);
            assert!(
                error
                    .message()
                    .starts_with(&format!("`{wrong}` is not a fault"))
            );
        }
    }

    #[test]
    fn a_part_of_the_calls_fails_the_same_with_each_seed() {
        let failures = |seed| {
            let faults = Faults::default();
            faults.seed(seed);
            faults.d1().fail(0.1);
            let calls = (0..1000).map(|_| faults.injection(Service::D1, "DB", "query"));
            calls
                .map(|call| call.failure.is_some())
                .collect::<Vec<bool>>()
        };
        let count = |failures: &[bool]| failures.iter().filter(|failed| **failed).count();
        assert_eq!(failures(1), failures(1));
        assert_ne!(failures(1), failures(2));
        assert!((60..140).contains(&count(&failures(1))));
    }
}
