//! The start of a call that observers measure.

use std::future::Future;

use super::Event;
#[cfg(feature = "spans")]
use super::span::{Spanned, Spans};
use crate::backend::Stopwatch;

/// A call that is measured. Without the feature `spans` it needs no code to be dropped, which every
/// future of a call would contain.
pub(super) struct Measurement {
    pub(super) stopwatch: Stopwatch,
    #[cfg(feature = "spans")]
    pub(super) spans: Spans,
}

impl Measurement {
    /// Ends the spans.
    pub(super) fn end(self, event: &Event<'_>) {
        #[cfg(feature = "spans")]
        self.spans.end(event);
        let _ = event;
    }
}

/// Runs a call inside of its spans.
#[cfg(feature = "spans")]
pub(super) fn run<F: Future>(
    work: F,
    measured: &mut Option<Measurement>,
) -> impl Future<Output = F::Output> {
    let spans = measured.as_mut().map(|measured| &mut measured.spans);
    Spanned { work, spans }
}

/// Runs a call.
#[cfg(not(feature = "spans"))]
pub(super) fn run<F: Future>(work: F, _: &mut Option<Measurement>) -> F {
    work
}
