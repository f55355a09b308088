//! Workflows: instances that are started, watched and steered.
//!
//! <https://developers.cloudflare.com/workflows/build/workers-api/>

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::connect_object;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::limits;
use crate::observe::{Gate, Measures};
use crate::raw::{decode, encode};

/// A Workflow.
///
/// Covered: `create`, `get`, and an instance's methods. `createBatch` is not.
#[derive(Debug, Clone)]
pub struct Workflow {
    gate: Gate,
    backend: backend::Object,
}

/// A run of a Workflow.
#[derive(Debug, Clone)]
pub struct Instance {
    gate: Gate,
    backend: backend::Object,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct InstanceStatus {
    /// `queued`, `running`, `paused`, `errored`, `terminated`, `complete`, `waiting`, `waitingForPause` or `unknown`.
    pub status: String,
    /// What it gave, once it is complete.
    #[serde(default)]
    pub output: Option<Value>,
    /// Why it failed, if it did.
    #[serde(default)]
    pub error: Option<Value>,
}

connect_object!(Workflow, Workflow);

impl Workflow {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Starts a run with parameters of at most 1 MiB as JSON; without an id the platform gives one.
    ///
    /// # Errors
    /// `TooLarge` and `InvalidArgument` over the limits; `Unsupported` natively.
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
                Ok((
                    self.backend
                        .object("create", &[Value::Object(options)])
                        .await?,
                    Measures::default(),
                ))
            };
            self.gate
                .pass("create", None, work)
                .await
                .map(|backend| Instance {
                    gate: self.gate.clone(),
                    backend,
                })
        })
    }

    /// The run of an id.
    ///
    /// # Errors
    /// `Unsupported` natively; on Workers, when there is none.
    pub async fn get(&self, id: &str) -> Result<Instance> {
        let work = async {
            Ok((
                self.backend.object("get", &[id.into()]).await?,
                Measures::default(),
            ))
        };
        self.gate
            .pass("get", None, work)
            .await
            .map(|backend| Instance {
                gate: self.gate.clone(),
                backend,
            })
    }
}

impl Instance {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> String {
        self.backend.text("id").unwrap_or_default()
    }

    /// How far it is.
    ///
    /// # Errors
    /// Whatever the platform throws.
    pub async fn status(&self) -> Result<InstanceStatus> {
        let work = async {
            Ok((
                decode(self.backend.call("status", &[]).await?)?,
                Measures::default(),
            ))
        };
        self.gate.pass("status", None, work).await
    }

    /// Pauses it after the step that it is in.
    ///
    /// # Errors
    /// Whatever the platform throws.
    pub async fn pause(&self) -> Result<()> {
        self.steer("pause", &[]).await
    }

    /// Goes on with a paused run.
    ///
    /// # Errors
    /// Whatever the platform throws.
    pub async fn resume(&self) -> Result<()> {
        self.steer("resume", &[]).await
    }

    /// Ends it.
    ///
    /// # Errors
    /// Whatever the platform throws.
    pub async fn terminate(&self) -> Result<()> {
        self.steer("terminate", &[]).await
    }

    /// Starts it from the beginning.
    ///
    /// # Errors
    /// Whatever the platform throws.
    pub async fn restart(&self) -> Result<()> {
        self.steer("restart", &[]).await
    }

    /// Sends an event that a step waits for.
    ///
    /// # Errors
    /// `InvalidArgument` for a payload that is no JSON; whatever the platform throws.
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
                Ok(((), Measures::default()))
            };
            self.gate.pass("send_event", None, work).await
        })
    }

    async fn steer(&self, method: &'static str, arguments: &[Value]) -> Result<()> {
        let work = async {
            self.backend.call(method, arguments).await?;
            Ok(((), Measures::default()))
        };
        self.gate.pass(method, None, work).await
    }
}

fn check_id(id: &str) -> Result<(), Failure> {
    let page = limits::workflow::PAGE;
    limits::bytes("the id", id.len(), limits::workflow::ID_BYTES, page)?;
    let good = id.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if good {
        Ok(())
    } else {
        Err(Failure::new(
            ErrorKind::InvalidArgument,
            format!("`{id}` cannot be an id: letters, digits, `-` and `_`; see {page}"),
        ))
    }
}
