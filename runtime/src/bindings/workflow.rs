//! Workflows: instances that a worker creates, inspects and controls.
//!
//! <https://developers.cloudflare.com/workflows/build/workers-api/>

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::connect_object;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::limits;
use crate::observe::{Counts, Gate};
use crate::raw::{decode, encode};

/// A Workflow.
///
/// Covered: `create`, `get`, and the methods of an instance. `createBatch` is not covered.
#[derive(Debug, Clone)]
pub struct Workflow {
    gate: Gate,
    backend: backend::Object,
}

/// An instance of a Workflow: one run.
#[derive(Debug, Clone)]
pub struct Instance {
    gate: Gate,
    backend: backend::Object,
}

/// The status of an instance.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct InstanceStatus {
    /// `queued`, `running`, `paused`, `errored`, `terminated`, `complete`, `waiting`,
    /// `waitingForPause` or `unknown`.
    pub status: String,
    /// The output of a complete instance.
    #[serde(default)]
    pub output: Option<Value>,
    /// The error of a failed instance.
    #[serde(default)]
    pub error: Option<Value>,
}

connect_object!(Workflow, Workflow);

impl Workflow {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Creates an instance with parameters of at most 1 MiB as JSON.
    ///
    /// Without an id, the platform assigns one. An id has at most 64 letters, digits, `-` and `_`,
    /// and does not start with `-`.
    ///
    /// <https://developers.cloudflare.com/workflows/reference/limits/>
    ///
    /// # Errors
    /// `TooLarge` if the id or the parameters exceed their limit. `InvalidArgument` if the id
    /// contains other characters, or the parameters cannot be serialized as JSON. `Unsupported`
    /// natively.
    ///
    /// # Examples
    /// ```
    /// # async fn f(orders: &bindery::workflow::Workflow) -> bindery::Result<()> {
    /// let order = orders.create(None, &serde_json::json!({ "item": 7 })).await?;
    /// let status = order.status().await?.status;
    /// # Ok(()) }
    /// ```
    pub fn create(
        &self,
        id: Option<&str>,
        params: &(impl Serialize + ?Sized),
    ) -> BoxFuture<'_, Result<Instance>> {
        let (id, params) = (id.map(str::to_owned), encode(params));
        Box::pin(async move {
            let work = async {
                let options = create_options(id, params)?;
                let instance = self.backend.object("create", &[options]).await?;
                Ok((instance, Counts::default()))
            };
            let backend = self.gate.pass("create", None, work).await?;
            Ok(self.instance(backend))
        })
    }

    /// Returns the instance with an id.
    ///
    /// # Errors
    /// `Unsupported` natively. On Workers, any error that the platform throws, for example if no
    /// instance has the id.
    ///
    /// # Examples
    /// ```
    /// # async fn f(orders: &bindery::workflow::Workflow) -> bindery::Result<()> {
    /// orders.get("order-7").await?.pause().await?;
    /// # Ok(()) }
    /// ```
    pub async fn get(&self, id: &str) -> Result<Instance> {
        let work = async {
            let instance = self.backend.object("get", &[id.into()]).await?;
            Ok((instance, Counts::default()))
        };
        let backend = self.gate.pass("get", None, work).await?;
        Ok(self.instance(backend))
    }

    fn instance(&self, backend: backend::Object) -> Instance {
        Instance {
            gate: self.gate.clone(),
            backend,
        }
    }
}

impl Instance {
    /// Returns the id of the instance.
    #[must_use]
    pub fn id(&self) -> String {
        self.backend.text("id").unwrap_or_default()
    }

    /// Returns the status of the instance.
    ///
    /// # Errors
    /// Any error that the platform throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(order: &bindery::workflow::Instance) -> bindery::Result<()> {
    /// let status = order.status().await?;
    /// if status.status == "complete" {
    ///     println!("{:?}", status.output);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn status(&self) -> Result<InstanceStatus> {
        let work = async {
            let status = decode(self.backend.call("status", &[]).await?)?;
            Ok((status, Counts::default()))
        };
        self.gate.pass("status", None, work).await
    }

    /// Pauses the instance after its current step.
    ///
    /// # Errors
    /// Any error that the platform throws.
    pub async fn pause(&self) -> Result<()> {
        self.control("pause").await
    }

    /// Resumes a paused instance.
    ///
    /// # Errors
    /// Any error that the platform throws.
    pub async fn resume(&self) -> Result<()> {
        self.control("resume").await
    }

    /// Terminates the instance.
    ///
    /// # Errors
    /// Any error that the platform throws.
    pub async fn terminate(&self) -> Result<()> {
        self.control("terminate").await
    }

    /// Restarts the instance from the beginning.
    ///
    /// # Errors
    /// Any error that the platform throws.
    pub async fn restart(&self) -> Result<()> {
        self.control("restart").await
    }

    /// Sends an event for which a step waits.
    ///
    /// <https://developers.cloudflare.com/workflows/build/events-and-parameters/>
    ///
    /// # Errors
    /// `InvalidArgument` if the payload cannot be serialized as JSON. On Workers, any error that
    /// the platform throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(order: &bindery::workflow::Instance) -> bindery::Result<()> {
    /// order.send_event("paid", &serde_json::json!({ "amount": 12 })).await?;
    /// # Ok(()) }
    /// ```
    pub fn send_event(
        &self,
        ty: &str,
        payload: &(impl Serialize + ?Sized),
    ) -> BoxFuture<'_, Result<()>> {
        let (ty, payload) = (ty.to_owned(), encode(payload));
        Box::pin(async move {
            let work = async {
                let event = json!({ "type": ty, "payload": payload? });
                self.backend.call("sendEvent", &[event]).await?;
                Ok(((), Counts::default()))
            };
            self.gate.pass("send_event", None, work).await
        })
    }

    /// Calls a method without arguments or a result.
    async fn control(&self, method: &'static str) -> Result<()> {
        let work = async {
            self.backend.call(method, &[]).await?;
            Ok(((), Counts::default()))
        };
        self.gate.pass(method, None, work).await
    }
}

/// Checks and encodes the argument of `create`.
fn create_options(id: Option<String>, params: Result<Value, Failure>) -> Result<Value, Failure> {
    let mut options = Map::new();
    if let Some(id) = id {
        check_id(&id)?;
        options.insert("id".to_owned(), id.into());
    }

    let params = params?;
    limits::bytes(
        "the parameters",
        params.to_string().len(),
        limits::workflow::BYTES,
        limits::workflow::PAGE,
    )?;
    options.insert("params".to_owned(), params);
    Ok(Value::Object(options))
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
