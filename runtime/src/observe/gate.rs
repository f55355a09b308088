//! The gate: the function that every call to a binding passes.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Event, Measures, Observers};
use crate::backend::{self, Stopwatch};
use crate::error::{Error, Failure, Result, Service};

/// Adds the location to the errors of one binding, and sends an event after each of its calls.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Gate {
    service: Service,
    binding: Cow<'static, str>,
    observers: Arc<Observers>,
}

impl Gate {
    pub(crate) fn new(
        service: Service,
        binding: impl Into<Cow<'static, str>>,
        observers: Arc<Observers>,
    ) -> Self {
        Self {
            service,
            binding: binding.into(),
            observers,
        }
    }

    pub(crate) fn binding(&self) -> Cow<'static, str> {
        self.binding.clone()
    }

    /// Returns the gate of another service with the same name.
    #[cfg(feature = "query-cache")]
    pub(crate) fn of_service(&self, service: Service) -> Self {
        Self {
            service,
            ..self.clone()
        }
    }

    /// Whether there are observers. Without any, a call need not collect measures.
    pub(crate) fn is_watched(&self) -> bool {
        self.observers.any.load(Ordering::Acquire)
    }

    /// Runs one call.
    ///
    /// `work` includes the checks of the platform's limits, so that observers receive an event for
    /// a call that fails them.
    pub(crate) async fn pass<T>(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        work: impl Future<Output = Result<(T, Measures), Failure>>,
    ) -> Result<T> {
        backend::count_call();
        let stopwatch = self.is_watched().then(Stopwatch::start);
        // In one place: a second one would generate the code of each caller twice.
        let outcome = work.await;
        self.finish(operation, query, stopwatch, outcome)
    }

    /// Runs one call that does not wait. Returns `None` if `work` does: then nothing was done.
    pub(crate) fn pass_now<T>(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        work: impl FnOnce() -> Option<Result<(T, Measures), Failure>>,
    ) -> Option<Result<T>> {
        let stopwatch = self.is_watched().then(Stopwatch::start);
        let outcome = work()?;
        backend::count_call();
        Some(self.finish(operation, query, stopwatch, outcome))
    }

    /// Adds the location to an error, and sends an event if there is a stopwatch.
    ///
    /// Only this function is generic, so that a type of result adds little code.
    fn finish<T>(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        stopwatch: Option<Stopwatch>,
        outcome: Result<(T, Measures), Failure>,
    ) -> Result<T> {
        match outcome {
            Ok((value, measures)) => {
                if let Some(stopwatch) = stopwatch {
                    self.record(operation, query, &stopwatch, None, &measures);
                }
                Ok(value)
            }
            Err(failure) => Err(self.fail(operation, query, stopwatch, failure)),
        }
    }

    #[cold]
    #[inline(never)]
    fn fail(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        stopwatch: Option<Stopwatch>,
        failure: Failure,
    ) -> Error {
        let error = self.error(operation, query, failure);
        if let Some(stopwatch) = stopwatch {
            let query = query.or(error.query());
            let measures = Measures::default();
            self.record(operation, query, &stopwatch, Some(&error), &measures);
        }
        error
    }

    /// Sends an event to the observers.
    #[inline(never)]
    fn record(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        stopwatch: &Stopwatch,
        error: Option<&Error>,
        measures: &Measures,
    ) {
        self.observers.record(&Event {
            service: self.service,
            operation,
            binding: &self.binding,
            query,
            duration: stopwatch.elapsed(),
            error,
            measures,
        });
    }

    /// The error of a failure after the call, for example while its result is read.
    pub(crate) fn failed(&self, operation: &'static str, failure: Failure) -> Error {
        self.error(operation, None, failure)
    }

    fn error(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        failure: Failure,
    ) -> Error {
        Error::located(self.service, &self.binding, operation, query, failure)
    }
}
