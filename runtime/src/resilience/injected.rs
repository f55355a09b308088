//! A call into which faults are injected.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::error::{Failure, Result};

/// What happens to one call.
#[derive(Default)]
pub(crate) struct Injection {
    pub(crate) delay: Option<Duration>,
    /// Before the call is made.
    pub(crate) failure: Option<Failure>,
    /// After the call was applied.
    pub(crate) loss: Option<Failure>,
}

pin_project! {
    /// A call with its faults. It is not an `async` function, which would store the call twice.
    pub(crate) struct Injected<F> {
        #[pin]
        work: F,
        injection: Option<Box<Pending>>,
    }
}

/// The faults that are still to be injected.
struct Pending {
    delay: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    failure: Option<Failure>,
    loss: Option<Failure>,
}

impl<F> Injected<F> {
    pub(crate) fn new(injection: Option<Injection>, work: F) -> Self {
        let injection = injection.map(|injection| {
            let sleep = |delay| Box::pin(crate::backend::sleep(delay)) as _;
            Box::new(Pending {
                delay: injection.delay.map(sleep),
                failure: injection.failure,
                loss: injection.loss,
            })
        });
        Self { work, injection }
    }
}

impl<T, F: Future<Output = Result<T, Failure>>> Future for Injected<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(injection) = this.injection {
            if let Some(delay) = &mut injection.delay {
                ready!(delay.as_mut().poll(context));
                injection.delay = None;
            }
            if let Some(failure) = injection.failure.take() {
                return Poll::Ready(Err(failure));
            }
        }

        let output = ready!(this.work.poll(context));
        let loss = this.injection.as_mut().and_then(|i| i.loss.take());
        Poll::Ready(output.and_then(|output| loss.map_or(Ok(output), Err)))
    }
}
