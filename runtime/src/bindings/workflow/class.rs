//! The classes: what the attribute `workflow` implements.

use std::time::SystemTime;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Step;
use crate::app::Environment;
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::json;
use crate::limits;

/// The types of a Workflow class, for those who start it.
pub trait Entrypoint: 'static {
    /// What an instance is created with.
    type Params: Serialize + DeserializeOwned + Send;
    /// The result of an instance.
    type Output: Serialize + DeserializeOwned + Send;
}

/// A Workflow class of this worker. Implemented by
/// [`#[bindery::workflow]`](macro@crate::workflow).
pub trait Run: Entrypoint {
    /// The environment of the worker.
    type Env: Environment;

    /// The name of the class.
    #[doc(hidden)]
    const NAME: &'static str;

    /// Runs an instance, from its first step or again.
    #[doc(hidden)]
    fn run(
        event: Event<Self::Params>,
        step: Step,
        env: Self::Env,
    ) -> BoxFuture<'static, Result<Self::Output>>;
}

/// The class of a Workflow of another worker, whose types are not known here.
#[derive(Debug, Clone, Copy)]
pub struct Untyped;

impl Entrypoint for Untyped {
    type Params = Value;
    type Output = Value;
}

/// What has started an instance, or what it has waited for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event<P> {
    /// The parameters of the instance, or the content of the event.
    pub payload: P,
    /// When the instance was created, or when the event arrived.
    pub timestamp: SystemTime,
    /// The id of the instance.
    pub instance_id: String,
}

/// An event without types.
#[derive(Debug, Clone)]
pub(crate) struct RawEvent {
    /// The content as JSON.
    pub(crate) payload: String,
    pub(crate) timestamp: SystemTime,
    pub(crate) instance_id: String,
}

impl RawEvent {
    pub(super) fn decode<P: DeserializeOwned>(self, what: &str) -> Result<Event<P>, Failure> {
        let payload = json::parse(&self.payload).map_err(|error| {
            let message = format!("{what} does not have the expected type: {error}");
            Failure::new(ErrorKind::Decode, message)
        })?;
        Ok(Event {
            payload,
            timestamp: self.timestamp,
            instance_id: self.instance_id,
        })
    }
}

/// Runs an instance. Returns its output as JSON.
pub(crate) async fn run<T: Run>(event: RawEvent, step: Step, env: T::Env) -> Result<String> {
    let event = event
        .decode("the parameter of the instance")
        .map_err(|failure| Error::of_worker("workflow", failure).non_retryable())?;
    let output = T::run(event, step, env).await?;
    encode("the output", &output).map_err(|failure| Error::of_worker("workflow", failure))
}

/// Encodes a value that the platform keeps.
pub(super) fn encode<T: Serialize>(what: &str, value: &T) -> Result<String, Failure> {
    let json = json::encode(what, value)?;
    let (bytes, page) = (limits::workflow::BYTES, limits::workflow::PAGE);
    limits::bytes(what, json.len(), bytes, page)?;
    Ok(json)
}
