//! Workflows: programs of several steps, whose results are stored, so that a program goes on where
//! it was after a failure, a restart, or a sleep of days.
//!
//! A class of this worker has the attribute [`workflow`](macro@crate::workflow), which gives the
//! field of `Env` the types of its parameters and its output.
//!
//! <https://developers.cloudflare.com/workflows/build/workers-api/>

mod class;
mod step;

use std::fmt;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use serde::Serialize;

use super::{BindingKind, Connect};
use crate::backend::{self, Backend};
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::json;
use crate::limits;
use crate::observe::{Counts, Gate, Measures};

pub use class::{Entrypoint, Event, Run, Untyped};
pub(crate) use class::{RawEvent, run};
pub(crate) use step::Config;
pub use step::{Backoff, Step, StepOptions};

/// A Workflow. `T` is its class; that of a Workflow of another worker is [`Untyped`], whose
/// parameters and output are JSON values.
///
/// # Examples
/// ```
/// # use bindery::workflow::{Entrypoint, Workflow};
/// # async fn f<T: Entrypoint>(orders: &Workflow<T>, order: T::Params) -> bindery::Result<()> {
/// let instance = orders.create_with_id("order-7", &order).await?;
/// println!("{:?}", instance.status().await?.state());
/// # Ok(()) }
/// ```
pub struct Workflow<T = Untyped> {
    gate: Gate,
    backend: backend::Workflow,
    class: PhantomData<fn() -> T>,
}

impl<T> Clone for Workflow<T> {
    fn clone(&self) -> Self {
        Self {
            gate: self.gate.clone(),
            backend: self.backend.clone(),
            class: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Workflow<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Workflow")
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}

impl<T: Run> Connect for Workflow<T> {
    const KIND: BindingKind = BindingKind::Workflow;

    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String> {
        Ok(Self {
            gate,
            backend: backend.workflow::<T>(binding)?,
            class: PhantomData,
        })
    }
}

impl Connect for Workflow<Untyped> {
    const KIND: BindingKind = BindingKind::Workflow;

    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String> {
        Ok(Self {
            gate,
            backend: backend.workflow_of_others(binding)?,
            class: PhantomData,
        })
    }
}

impl<T: Entrypoint> Workflow<T> {
    /// Creates an instance, and starts it. The platform assigns its id.
    ///
    /// # Errors
    /// `TooLarge` if the parameters have more than 1 MiB as JSON. `InvalidArgument` if they cannot
    /// be serialized, or contain an integer beyond ±(2^53 − 1). `Unsupported` natively if another
    /// worker has the class.
    ///
    /// <https://developers.cloudflare.com/workflows/reference/limits/>
    ///
    /// # Examples
    /// ```
    /// # async fn f(orders: &bindery::workflow::Workflow) -> bindery::Result<()> {
    /// let order = orders.create(&serde_json::json!({ "item": 7 })).await?;
    /// println!("{}", order.id());
    /// # Ok(()) }
    /// ```
    pub fn create(&self, params: &T::Params) -> BoxFuture<'_, Result<Instance<T>>> {
        self.create_instance(None, class::encode("the parameters", params))
    }

    /// Creates an instance with an id of at most 64 letters, digits, `-` and `_`, that does not
    /// start with `-`.
    ///
    /// # Errors
    /// `InvalidArgument` if the id has other characters, or an instance has it: an id can be used
    /// again after the instance was deleted, days after its end. See also [`create`](Self::create).
    ///
    /// # Examples
    /// ```
    /// # async fn f(orders: &bindery::workflow::Workflow) -> bindery::Result<()> {
    /// let params = serde_json::json!({ "item": 7 });
    /// orders.create_with_id("order-7", &params).await?;
    /// # Ok(()) }
    /// ```
    pub fn create_with_id(
        &self,
        id: &str,
        params: &T::Params,
    ) -> BoxFuture<'_, Result<Instance<T>>> {
        let params = class::encode("the parameters", params);
        self.create_instance(Some(id.to_owned()), params)
    }

    fn create_instance(
        &self,
        id: Option<String>,
        params: Result<String, Failure>,
    ) -> BoxFuture<'_, Result<Instance<T>>> {
        Box::pin(async move {
            let work = async {
                if let Some(id) = &id {
                    check_id(id)?;
                }
                let instance = self.backend.create(id, params?).await?;
                Ok((instance, Counts::default()))
            };
            let instance = self.gate.pass("create", None, work).await?;
            Ok(self.instance(instance))
        })
    }

    /// Creates at most 100 instances with one call. An instance whose id exists is skipped, and is
    /// not part of the result.
    ///
    /// # Errors
    /// `TooLarge` if there are more than 100. See also
    /// [`create_with_id`](Self::create_with_id).
    ///
    /// # Examples
    /// ```
    /// # async fn f(orders: &bindery::workflow::Workflow) -> bindery::Result<()> {
    /// let params = serde_json::json!({ "item": 7 });
    /// let created = orders.create_batch([("order-7", &params), ("order-8", &params)]).await?;
    /// assert_eq!(created.len(), 2);
    /// # Ok(()) }
    /// ```
    pub fn create_batch<'p>(
        &self,
        instances: impl IntoIterator<Item = (&'p str, &'p T::Params)>,
    ) -> BoxFuture<'_, Result<Vec<Instance<T>>>>
    where
        T::Params: 'p,
    {
        let encoded = |(id, params): (&str, &T::Params)| {
            check_id(id)?;
            Ok((id.to_owned(), class::encode("the parameters", params)?))
        };
        let batch: Result<Vec<_>, Failure> = instances.into_iter().map(encoded).collect();
        Box::pin(async move {
            let work = async {
                let batch = batch?;
                let (most, page) = (limits::workflow::BATCH, limits::workflow::PAGE);
                if batch.len() > most {
                    let message = format!("a batch has {most} instances at most; see {page}");
                    return Err(Failure::new(ErrorKind::TooLarge, message));
                }
                let created = self.backend.create_batch(batch).await?;
                let measures = Measures {
                    count: Some(created.len() as u64),
                    ..Measures::default()
                };
                Ok((created, measures.into()))
            };
            let created = self.gate.pass("create_batch", None, work).await?;
            Ok(created.into_iter().map(|one| self.instance(one)).collect())
        })
    }

    /// Returns the instance with an id.
    ///
    /// # Errors
    /// `NotFound` if no instance has the id. `Unsupported` natively if another worker has the
    /// class.
    ///
    /// # Examples
    /// ```
    /// # async fn f(orders: &bindery::workflow::Workflow) -> bindery::Result<()> {
    /// orders.get("order-7").await?.pause().await?;
    /// # Ok(()) }
    /// ```
    pub async fn get(&self, id: &str) -> Result<Instance<T>> {
        let work = async {
            let instance = self.backend.get(id).await?;
            Ok((instance, Counts::default()))
        };
        let instance = self.gate.pass("get", None, work).await?;
        Ok(self.instance(instance))
    }

    fn instance(&self, backend: backend::WorkflowInstance) -> Instance<T> {
        Instance {
            gate: self.gate.clone(),
            backend,
            class: PhantomData,
        }
    }
}

/// An instance of a Workflow: one run.
pub struct Instance<T = Untyped> {
    gate: Gate,
    backend: backend::WorkflowInstance,
    class: PhantomData<fn() -> T>,
}

impl<T> Clone for Instance<T> {
    fn clone(&self) -> Self {
        Self {
            gate: self.gate.clone(),
            backend: self.backend.clone(),
            class: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Instance<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Instance")
            .field("id", &self.backend.id())
            .finish_non_exhaustive()
    }
}

/// The status of an instance.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Status<T> {
    /// It waits to be started.
    Queued,
    /// It runs.
    Running,
    /// It sleeps, or waits for an event.
    Waiting,
    /// It is paused after its current step.
    WaitingForPause,
    /// It is paused.
    Paused,
    /// It has ended with an output.
    Complete(T),
    /// It has failed. The text is the message of its error.
    Errored(String),
    /// It was terminated.
    Terminated,
    /// The platform reports another status, which is the text.
    Other(String),
}

impl<T> Status<T> {
    /// Returns the name of the status: `queued`, `running`, `waiting`, `waitingForPause`, `paused`,
    /// `complete`, `errored`, `terminated`, or what the platform reports.
    #[must_use]
    pub fn state(&self) -> &str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::WaitingForPause => "waitingForPause",
            Self::Paused => "paused",
            Self::Complete(_) => "complete",
            Self::Errored(_) => "errored",
            Self::Terminated => "terminated",
            Self::Other(name) => name,
        }
    }

    /// Returns the output of a complete instance.
    #[must_use]
    pub fn output(self) -> Option<T> {
        match self {
            Self::Complete(output) => Some(output),
            _ => None,
        }
    }

    /// Whether the instance has ended: it is complete, has failed, or was terminated.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(
            self,
            Self::Complete(_) | Self::Errored(_) | Self::Terminated
        )
    }
}

/// A status without types.
#[derive(Debug, Clone)]
pub(crate) struct RawStatus {
    pub(crate) name: String,
    /// The output as JSON.
    pub(crate) output: Option<String>,
    pub(crate) error: Option<String>,
}

/// What can be done with an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    Pause,
    Resume,
    Terminate,
    Restart,
}

impl Control {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Terminate => "terminate",
            Self::Restart => "restart",
        }
    }
}

impl<T: Entrypoint> Instance<T> {
    /// Returns the id of the instance.
    #[must_use]
    pub fn id(&self) -> String {
        self.backend.id()
    }

    /// Returns the status of the instance.
    ///
    /// # Errors
    /// `Decode` if the output is not one of the class. On Workers, any error that the platform
    /// throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(order: &bindery::workflow::Instance) -> bindery::Result<()> {
    /// use bindery::workflow::Status;
    ///
    /// match order.status().await? {
    ///     Status::Complete(output) => println!("{output}"),
    ///     Status::Errored(message) => println!("{message}"),
    ///     status => println!("{}", status.state()),
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn status(&self) -> Result<Status<T::Output>> {
        let work = async {
            let status = decode_status(self.backend.status().await?)?;
            Ok((status, Counts::default()))
        };
        self.gate.pass("status", None, work).await
    }

    /// Pauses the instance after its current step.
    ///
    /// # Errors
    /// `InvalidArgument` if the instance has ended or is paused. On Workers, any error that the
    /// platform throws.
    pub async fn pause(&self) -> Result<()> {
        self.control(Control::Pause).await
    }

    /// Resumes a paused instance.
    ///
    /// # Errors
    /// `InvalidArgument` if the instance is not paused. On Workers, any error that the platform
    /// throws.
    pub async fn resume(&self) -> Result<()> {
        self.control(Control::Resume).await
    }

    /// Terminates the instance. A step that runs is not waited for.
    ///
    /// # Errors
    /// `InvalidArgument` if the instance has ended. On Workers, any error that the platform throws.
    pub async fn terminate(&self) -> Result<()> {
        self.control(Control::Terminate).await
    }

    /// Starts the instance again from its first step, with the same parameters.
    ///
    /// # Errors
    /// On Workers, any error that the platform throws.
    pub async fn restart(&self) -> Result<()> {
        self.control(Control::Restart).await
    }

    /// Sends an event, for which a step waits or will wait.
    ///
    /// <https://developers.cloudflare.com/workflows/build/events-and-parameters/>
    ///
    /// # Errors
    /// `InvalidArgument` if the content cannot be serialized as JSON, or the instance has ended.
    /// `TooLarge` if it has more than 1 MiB. On Workers, any error that the platform throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(order: &bindery::workflow::Instance) -> bindery::Result<()> {
    /// order.send_event("paid", &serde_json::json!({ "amount": 12 })).await?;
    /// # Ok(()) }
    /// ```
    pub fn send_event<P: Serialize>(&self, ty: &str, payload: &P) -> BoxFuture<'_, Result<()>> {
        let (ty, payload) = (ty.to_owned(), class::encode("the event", payload));
        Box::pin(async move {
            let work = async {
                step::check_name("the type of the event", &ty)?;
                self.backend.send_event(&ty, payload?).await?;
                Ok(((), Counts::default()))
            };
            self.gate.pass("send_event", None, work).await
        })
    }

    async fn control(&self, control: Control) -> Result<()> {
        let work = async {
            self.backend.control(control).await?;
            Ok(((), Counts::default()))
        };
        self.gate.pass(control.name(), None, work).await
    }
}

fn decode_status<T: serde::de::DeserializeOwned>(status: RawStatus) -> Result<Status<T>, Failure> {
    Ok(match &*status.name {
        "queued" => Status::Queued,
        "running" => Status::Running,
        "waiting" => Status::Waiting,
        "waitingForPause" => Status::WaitingForPause,
        "paused" => Status::Paused,
        "complete" => {
            let output = json::parse(status.output.as_deref().unwrap_or("null"));
            Status::Complete(output.map_err(|error| {
                let message =
                    format!("the output of the instance does not have the expected type: {error}");
                Failure::new(ErrorKind::Decode, message)
            })?)
        }
        "errored" => Status::Errored(status.error.unwrap_or_default()),
        "terminated" => Status::Terminated,
        _ => Status::Other(status.name),
    })
}

fn check_id(id: &str) -> Result<(), Failure> {
    let page = limits::workflow::PAGE;
    limits::bytes("the id", id.len(), limits::workflow::ID_BYTES, page)?;

    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts_well = id.bytes().next().is_some_and(is_word);
    if starts_well && id.bytes().all(|byte| is_word(byte) || byte == b'-') {
        return Ok(());
    }
    let message = format!("`{id}` is not a valid id: use letters, digits, `-` and `_`; see {page}");
    Err(Failure::new(ErrorKind::InvalidArgument, message))
}

/// Encodes an error for the platform, which keeps its message.
pub(crate) fn message_of(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Internal => error.message().to_owned(),
        kind => format!("{}: {}", kind.name(), error.message()),
    }
}

/// Decodes the message of an error that the platform has kept.
pub(crate) fn failure_of(message: &str) -> Failure {
    let parts = message.split_once(": ");
    let known = parts.and_then(|(kind, rest)| Some((ErrorKind::from_name(kind)?, rest)));
    let (kind, message) = known.unwrap_or((ErrorKind::Internal, message));
    Failure::new(kind, message.to_owned())
}
