//! Durable Objects of a namespace: found by name or id, called by HTTP requests.
//!
//! <https://developers.cloudflare.com/durable-objects/api/namespace/>

use serde_json::Value;

use super::connect_object;
use crate::backend;
use crate::error::Result;
use crate::fetcher::Fetcher;
use crate::observe::{Gate, Measures};

/// A namespace of Durable Objects.
///
/// Covered: objects by name, by id and new ones, `fetch`, and methods with JSON.
#[derive(Debug, Clone)]
pub struct DurableObjects {
    gate: Gate,
    backend: backend::Object,
}

connect_object!(DurableObject, DurableObjects);

impl DurableObjects {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// The object of a name: the same one for the same name, anywhere.
    ///
    /// # Errors
    /// `Unsupported` natively.
    ///
    /// # Examples
    /// ```
    /// # async fn f(rooms: &bindery::durable_object::DurableObjects) -> bindery::Result<()> {
    /// let answer = rooms.by_name("lobby").await?.get("/members").await?;
    /// # Ok(()) }
    /// ```
    pub async fn by_name(&self, name: &str) -> Result<Fetcher> {
        self.object("idFromName", &[Value::from(name)]).await
    }

    /// The object of an id, as [`new_id`](Self::new_id) gives one.
    ///
    /// # Errors
    /// `Unsupported` natively; on Workers, when the id is not of this namespace.
    pub async fn by_id(&self, id: &str) -> Result<Fetcher> {
        self.object("idFromString", &[Value::from(id)]).await
    }

    /// An id that no object has yet.
    ///
    /// # Errors
    /// `Unsupported` natively.
    pub async fn new_id(&self) -> Result<String> {
        let work = async {
            let id = self.backend.object("newUniqueId", &[]).await?;
            let text = id.call("toString", &[]).await?;
            Ok((
                text.as_str().unwrap_or_default().to_owned(),
                Measures::default(),
            ))
        };
        self.gate.pass("new_id", None, work).await
    }

    async fn object(&self, method: &'static str, arguments: &[Value]) -> Result<Fetcher> {
        let work = async {
            let id = self.backend.object(method, arguments).await?;
            let stub = self.backend.object_of("get", &id).await?;
            Ok((Fetcher::new(self.gate.clone(), stub), Measures::default()))
        };
        self.gate.pass("get", None, work).await
    }
}
