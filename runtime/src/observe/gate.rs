//! The gate: the function that every call to a binding passes.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[cfg(feature = "spans")]
use super::Call;
use super::measurement::{self, Measurement};
use super::{Counts, Event, Measures, Observers, Scope};
use crate::backend::Stopwatch;
use crate::error::{Error, Failure, Result, Service};
#[cfg(not(target_arch = "wasm32"))]
use crate::resilience::Injected;

/// Adds the location to the errors of one binding, and sends an event after each of its calls.
///
/// A clone costs a counter: each request clones the gates of all bindings.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug, Clone)]
struct Inner {
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
        Self(Arc::new(Inner {
            service,
            binding: binding.into(),
            observers,
        }))
    }

    /// Returns the gate of a handler. `queue` is empty for requests.
    pub(crate) fn of_handler(
        queue: impl Into<Cow<'static, str>>,
        observers: Arc<Observers>,
    ) -> Self {
        Self::new(Service::Worker, queue, observers)
    }

    pub(crate) fn binding(&self) -> Cow<'static, str> {
        self.0.binding.clone()
    }

    /// Returns the gate of another service with the same name.
    #[cfg(feature = "query-cache")]
    pub(crate) fn of_service(&self, service: Service) -> Self {
        Self(Arc::new(Inner {
            service,
            ..Inner::clone(&self.0)
        }))
    }

    /// Whether there are observers. Without any, a call need not collect measures.
    pub(crate) fn is_watched(&self) -> bool {
        self.0.observers.any.load(Ordering::Acquire)
    }

    /// Runs one call.
    ///
    /// `work` includes the checks of the platform's limits, so that observers receive an event for
    /// a call that fails them.
    pub(crate) async fn pass<T>(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        work: impl Future<Output = Result<(T, Counts), Failure>>,
    ) -> Result<T> {
        Scope::count_call();
        #[cfg(not(target_arch = "wasm32"))]
        let work = self.with_faults(operation, work);
        let mut measured = self.start(operation, query);
        // In one place: a second one would generate the code of each caller twice.
        let outcome = measurement::run(work, &mut measured).await;
        self.finish(operation, query, measured, outcome)
    }

    /// Runs one call that does not wait. Returns `None` if `work` does: then nothing was done.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn pass_now<T>(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        work: impl FnOnce() -> Option<Result<(T, Counts), Failure>>,
    ) -> Option<Result<T>> {
        // A span would have to start before it is known whether the call takes place here.
        #[cfg(feature = "spans")]
        if self.0.observers.has_spans() {
            return None;
        }
        if self.0.observers.faults.are_active() {
            return None;
        }
        let measured = self.start(operation, query);

        let outcome = work()?;
        Scope::count_call();
        Some(self.finish(operation, query, measured, outcome))
    }

    /// Runs one call that does not wait.
    pub(crate) fn pass_sync<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T> {
        Scope::count_call();
        let measured = self.start(operation, None);
        let outcome = work().map(|value| (value, Counts::default()));
        self.finish(operation, None, measured, outcome)
    }

    /// Runs a handler, which the platform has called. `outcome` reads what it has returned.
    pub(crate) async fn handle<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = T>,
        outcome: impl FnOnce(&T) -> (Option<&Error>, Measures),
    ) -> T {
        let mut measured = self.start(operation, None);
        let output = measurement::run(work, &mut measured).await;
        if let Some(measured) = measured {
            let (error, measures) = outcome(&output);
            self.record(operation, None, measured, error, &measures);
        }
        output
    }

    /// Makes a call with the faults that are injected into it.
    #[cfg(not(target_arch = "wasm32"))]
    fn with_faults<F>(&self, operation: &str, work: F) -> Injected<F> {
        let faults = &self.0.observers.faults;
        let inject = || faults.injection(self.0.service, &self.0.binding, operation);
        Injected::new(faults.are_active().then(inject), work)
    }

    /// Starts to measure a call, if there is an observer.
    fn start(&self, operation: &'static str, query: Option<&'static str>) -> Option<Measurement> {
        self.is_watched().then(|| self.measure(operation, query))
    }

    #[inline(never)]
    fn measure(&self, operation: &'static str, query: Option<&'static str>) -> Measurement {
        #[cfg(not(feature = "spans"))]
        let _ = (operation, query);
        Measurement {
            #[cfg(feature = "spans")]
            spans: self.0.observers.start(&Call {
                service: self.0.service,
                operation,
                binding: &self.0.binding,
                query,
            }),
            stopwatch: Stopwatch::start(),
        }
    }

    /// Adds the location to an error, and sends an event if the call is measured.
    ///
    /// Only this function is generic, so that a type of result adds little code.
    fn finish<T>(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        measured: Option<Measurement>,
        outcome: Result<(T, Counts), Failure>,
    ) -> Result<T> {
        match outcome {
            Ok((value, measures)) => {
                if let Some(measured) = measured {
                    self.record(operation, query, measured, None, measures.get());
                }
                Ok(value)
            }
            Err(failure) => Err(self.fail(operation, query, measured, failure)),
        }
    }

    #[cold]
    #[inline(never)]
    fn fail(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        measured: Option<Measurement>,
        mut failure: Failure,
    ) -> Error {
        let measures = std::mem::take(&mut failure.measures);
        let error = self.error(operation, query, failure);
        if let Some(measured) = measured {
            let query = query.or(error.query());
            self.record(operation, query, measured, Some(&error), measures.get());
        }
        error
    }

    /// Sends an event to the observers, and ends the spans.
    #[inline(never)]
    fn record(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        measured: Measurement,
        error: Option<&Error>,
        measures: &Measures,
    ) {
        let event = Event {
            service: self.0.service,
            operation,
            binding: &self.0.binding,
            query,
            duration: measured.stopwatch.elapsed(),
            error,
            measures,
        };

        measured.end(&event);
        self.0.observers.record(&event);
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
        Error::located(self.0.service, &self.0.binding, operation, query, failure)
    }
}
