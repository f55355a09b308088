//! A sample of the events.

#[cfg(feature = "spans")]
use super::{Call, Span};
use super::{Event, Observer, Scope};
use crate::random;

/// Returns an observer that receives the events of a part of the requests, such as 0.1 for every
/// tenth, and all errors.
///
/// Either all calls of a request are in the sample or none, so that spans have their parents. A
/// call outside of a request is in the sample or not by itself. An error outside of the sample is
/// an event without a span.
///
/// Do not count with a sample: it has all errors, but only a part of the successes.
///
/// # Examples
/// ```
/// # struct Env; impl Env { fn observe(&self, _: impl bindery::observe::Observer) {} }
/// use bindery::observe;
///
/// fn start(env: &Env) {
///     env.observe(observe::sampled(0.1, observe::json()));
/// }
/// ```
#[must_use]
pub fn sampled<O: Observer>(part: f64, observer: O) -> impl Observer + use<O> {
    Sampled { part, observer }
}

struct Sampled<O> {
    part: f64,
    observer: O,
}

impl<O> Sampled<O> {
    fn is_in_sample(&self) -> bool {
        let position = Scope::current().map_or_else(position, |scope| scope.sample());
        position < self.part
    }
}

/// Returns a random number from 0 to 1, without 1.
pub(super) fn position() -> f64 {
    let bytes: [u8; 4] = random::bytes().unwrap_or_default();
    f64::from(u32::from_le_bytes(bytes)) / 2_f64.powi(32)
}

impl<O: Observer> Observer for Sampled<O> {
    fn record(&self, event: &Event<'_>) {
        if event.is_error() || self.is_in_sample() {
            self.observer.record(event);
        }
    }

    #[cfg(feature = "spans")]
    fn has_spans(&self) -> bool {
        self.observer.has_spans()
    }

    #[cfg(feature = "spans")]
    fn start(&self, call: &Call<'_>) -> Option<Box<dyn Span>> {
        self.is_in_sample()
            .then(|| self.observer.start(call))
            .flatten()
    }
}
