//! Spans: what an observer keeps from the start of a call to its end.

use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use pin_project_lite::pin_project;

use super::Event;

/// A call that an observer follows from its start.
///
/// A call that is cancelled has no end: its span is dropped.
pub trait Span: Send {
    /// The thread continues the call. Calls that start before [`exit`](Self::exit) are inside of
    /// it.
    fn enter(&mut self) {}

    /// The thread leaves the call, which has ended or waits.
    fn exit(&mut self) {}

    /// The call has ended.
    fn end(self: Box<Self>, event: &Event<'_>);
}

/// The spans of one call. Its methods are not inlined into each caller of the gate.
#[derive(Default)]
pub(super) struct Spans(pub(super) Vec<Box<dyn Span>>);

impl Spans {
    #[inline(never)]
    fn enter(&mut self) {
        for span in &mut self.0 {
            span.enter();
        }
    }

    #[inline(never)]
    fn exit(&mut self) {
        for span in self.0.iter_mut().rev() {
            span.exit();
        }
    }

    pub(super) fn end(self, event: &Event<'_>) {
        for span in self.0.into_iter().rev() {
            span.end(event);
        }
    }
}

pin_project! {
    /// A call inside of its spans, if it has any.
    pub(super) struct Spanned<'s, F> {
        #[pin]
        pub(super) work: F,
        pub(super) spans: Option<&'s mut Spans>,
    }
}

impl<F: Future> Future for Spanned<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.spans.as_deref_mut().map(Entered::new);
        this.work.poll(context)
    }
}

/// Leaves the spans, also after a panic.
struct Entered<'s>(&'s mut Spans);

impl<'s> Entered<'s> {
    fn new(spans: &'s mut Spans) -> Self {
        spans.enter();
        Self(spans)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.exit();
    }
}
