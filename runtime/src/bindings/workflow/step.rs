//! The steps of an instance.

use std::fmt;
use std::future::Future;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Event, class};
use crate::backend;
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::json;
use crate::limits;
use crate::observe::{Counts, Gate};

/// The steps of an instance: what its program does that is stored.
///
/// The program runs again from its start after a failure or a restart. A step that has completed
/// then returns its stored result. So what is outside of steps runs several times, and has to do
/// the same each time: it calls the same steps in the same order.
///
/// <https://developers.cloudflare.com/workflows/build/rules-of-workflows/>
#[derive(Clone)]
pub struct Step {
    gate: Gate,
    backend: backend::Step,
}

impl fmt::Debug for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Step")
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}

/// How a step is repeated after an error.
///
/// By default there are 5 retries, after 10 seconds and then after twice the time each, and an
/// attempt has 10 minutes.
///
/// <https://developers.cloudflare.com/workflows/build/sleeping-and-retrying/>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepOptions {
    config: Config,
}

/// The numbers of [`StepOptions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) retries: u32,
    pub(crate) delay: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) timeout: Duration,
}

/// How the delay before a retry grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backoff {
    /// It stays the same.
    Constant,
    /// It is multiplied by the number of the attempt.
    Linear,
    /// It doubles.
    Exponential,
}

impl Backoff {
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Linear => "linear",
            Self::Exponential => "exponential",
        }
    }
}

impl Default for StepOptions {
    fn default() -> Self {
        Self {
            config: Config {
                retries: 5,
                delay: Duration::from_secs(10),
                backoff: Backoff::Exponential,
                timeout: Duration::from_secs(600),
            },
        }
    }
}

impl StepOptions {
    /// Sets how often the step is repeated after its first attempt.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.config.retries = retries;
        self
    }

    /// Sets the time before the first retry.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.config.delay = delay;
        self
    }

    /// Sets how the time before a retry grows.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.config.backoff = backoff;
        self
    }

    /// Sets the time that an attempt can take. Then it is dropped, and counts as failed.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.config.timeout = timeout;
        self
    }
}

impl Step {
    pub(crate) fn new(gate: Gate, backend: backend::Step) -> Self {
        Self { gate, backend }
    }

    /// Runs a step, or returns its stored result. After an error it is repeated, as
    /// [`StepOptions`] says.
    ///
    /// The name identifies the step: it is the same in each run. A name that is used again is
    /// another step.
    ///
    /// A step can run more than once: a failure can hide that it has succeeded. So what it changes
    /// should be the same after a second time.
    ///
    /// # Errors
    /// The error of the last attempt: its kind and its message. `Timeout` if that took too long.
    /// `InvalidArgument` if the result cannot be serialized as JSON, or contains an integer beyond
    /// ±(2^53 − 1); `TooLarge` if it has more than 1 MiB.
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::R2, workflow::Step};
    /// # async fn f<B: Binding>(step: &Step, photos: &R2<B>) -> bindery::Result<()> {
    /// let size: u64 = step
    ///     .run("measure the photo", || async {
    ///         let info = photos.head("a.png").await?;
    ///         Ok(info.map_or(0, |info| info.size))
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn run<'a, T, F>(
        &'a self,
        name: &str,
        work: impl Fn() -> F + Send + Sync + 'a,
    ) -> BoxFuture<'a, Result<T>>
    where
        T: Serialize + DeserializeOwned + Send + 'a,
        F: Future<Output = Result<T>> + Send + 'a,
    {
        self.run_with(name, StepOptions::default(), work)
    }

    /// Runs a step like [`run`](Self::run), with options.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    ///
    /// # Examples
    /// ```
    /// # use bindery::workflow::Step;
    /// # async fn charge() -> bindery::Result<()> { Ok(()) }
    /// # async fn f(step: &Step) -> bindery::Result<()> {
    /// use std::time::Duration;
    ///
    /// use bindery::workflow::{Backoff, StepOptions};
    ///
    /// let options = StepOptions::default()
    ///     .retries(3)
    ///     .delay(Duration::from_secs(1))
    ///     .backoff(Backoff::Constant)
    ///     .timeout(Duration::from_secs(30));
    /// step.run_with("charge the card", options, || charge()).await?;
    /// # Ok(()) }
    /// ```
    pub fn run_with<'a, T, F>(
        &'a self,
        name: &str,
        options: StepOptions,
        work: impl Fn() -> F + Send + Sync + 'a,
    ) -> BoxFuture<'a, Result<T>>
    where
        T: Serialize + DeserializeOwned + Send + 'a,
        F: Future<Output = Result<T>> + Send + 'a,
    {
        let name = name.to_owned();
        let attempt = move || {
            let work = work();
            async move { Ok(class::encode("the result of the step", &work.await?)?) }
                .map(|outcome: Result<String, StepError>| outcome)
                .boxed()
        };
        Box::pin(async move {
            let json = self.run_json(&name, options.config, &attempt).await?;
            json::parse(&json).map_err(|error| {
                let message = format!(
                    "the stored result of the step `{name}` does not have the expected type: \
                     {error}"
                );
                let failure = Failure::new(ErrorKind::Decode, message);
                self.gate.failed("step", failure).non_retryable()
            })
        })
    }

    /// Runs a step whose result is JSON. It has no type of the caller, so that it is compiled once.
    async fn run_json<'a>(
        &self,
        name: &str,
        config: Config,
        work: &(dyn Fn() -> BoxFuture<'a, Result<String, StepError>> + Send + Sync + '_),
    ) -> Result<String> {
        check_name("the name of the step", name).map_err(|failure| self.failed(failure))?;
        let attempt = || {
            let work = work();
            async move {
                let work = async {
                    let json = work.await.map_err(StepError::into_failure)?;
                    Ok((json, Counts::default()))
                };
                self.gate.pass("step", None, work).await
            }
            .boxed()
        };
        let outcome = self.backend.run(name, config, &attempt).await;
        outcome.map_err(|failure| self.failed(failure))
    }

    /// Sleeps, at most a year. The instance needs no memory meanwhile.
    ///
    /// # Errors
    /// `InvalidArgument` if the time is more than 365 days. On Workers, any error that the platform
    /// throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(step: &bindery::workflow::Step) -> bindery::Result<()> {
    /// step.sleep("wait for a day", std::time::Duration::from_secs(86_400)).await?;
    /// # Ok(()) }
    /// ```
    pub async fn sleep(&self, name: &str, duration: Duration) -> Result<()> {
        let checked = check_name("the name of the step", name).and_then(|()| check_sleep(duration));
        checked.map_err(|failure| self.failed(failure))?;
        let slept = self.backend.sleep(name, duration).await;
        slept.map_err(|failure| self.failed(failure))
    }

    /// Sleeps until a time, at most a year. A time that has passed is not an error.
    ///
    /// # Errors
    /// As for [`sleep`](Self::sleep).
    pub async fn sleep_until(&self, name: &str, time: SystemTime) -> Result<()> {
        let duration = time.duration_since(crate::time::now()).unwrap_or_default();
        let checked = check_name("the name of the step", name).and_then(|()| check_sleep(duration));
        checked.map_err(|failure| self.failed(failure))?;
        let slept = self.backend.sleep_until(name, time).await;
        slept.map_err(|failure| self.failed(failure))
    }

    /// Waits for an event that [`Instance::send_event`](super::Instance::send_event) sends. An
    /// event that has arrived before is not lost.
    ///
    /// # Errors
    /// `Timeout` if none arrives in time. `Decode` if its content has another type.
    ///
    /// # Examples
    /// ```
    /// # async fn f(step: &bindery::workflow::Step) -> bindery::Result<()> {
    /// use std::time::Duration;
    ///
    /// let day = Duration::from_secs(86_400);
    /// let amount = step.wait_for_event::<u64>("wait for the payment", "paid", day).await?;
    /// println!("{}", amount.payload);
    /// # Ok(()) }
    /// ```
    pub async fn wait_for_event<P: DeserializeOwned>(
        &self,
        name: &str,
        ty: &str,
        timeout: Duration,
    ) -> Result<Event<P>> {
        let event = async {
            check_name("the name of the step", name)?;
            check_name("the type of the event", ty)?;
            check_sleep(timeout)?;
            let event = self.backend.wait_for_event(name, ty, timeout).await?;
            event.decode("the event")
        };
        event.await.map_err(|failure| self.failed(failure))
    }

    fn failed(&self, failure: Failure) -> Error {
        self.gate.failed("step", failure)
    }
}

/// The error of an attempt: of the work, or of its result.
enum StepError {
    Work(Error),
    Result(Failure),
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        Self::Work(error)
    }
}

impl From<Failure> for StepError {
    fn from(failure: Failure) -> Self {
        Self::Result(failure)
    }
}

impl StepError {
    fn into_failure(self) -> Failure {
        match self {
            Self::Work(error) => error.into_failure(),
            // Another attempt would have the same result.
            Self::Result(mut failure) => {
                failure.is_final = true;
                failure
            }
        }
    }
}

pub(super) fn check_name(what: &str, name: &str) -> Result<(), Failure> {
    if name.is_empty() {
        let message = format!("{what} is empty");
        return Err(Failure::new(ErrorKind::InvalidArgument, message));
    }
    let (most, page) = (limits::workflow::NAME_BYTES, limits::workflow::PAGE);
    limits::bytes(what, name.len(), most, page)
}

fn check_sleep(duration: Duration) -> Result<(), Failure> {
    if duration <= limits::workflow::MAX_SLEEP {
        return Ok(());
    }
    let message = format!(
        "a step can wait for 365 days at most; see {}",
        limits::workflow::PAGE
    );
    Err(Failure::new(ErrorKind::InvalidArgument, message))
}
