//! Durable Objects: objects of a namespace, found by name or id and called with HTTP requests.
//!
//! <https://developers.cloudflare.com/durable-objects/api/namespace/>

use serde_json::Value;

use crate::backend;
use crate::bindings::connect_object;
use crate::error::Result;
use crate::fetcher::Fetcher;
use crate::observe::{Counts, Gate};

/// A namespace of Durable Objects.
///
/// Covered: objects by name and by id, new ids, `fetch`, and methods with JSON.
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

    /// Returns the object with a name. One name is one object, wherever the worker runs.
    ///
    /// # Errors
    /// `Unsupported` natively.
    ///
    /// # Examples
    /// ```
    /// # async fn f(rooms: &bindery::durable_object::DurableObjects) -> bindery::Result<()> {
    /// let lobby = rooms.by_name("lobby").await?;
    /// let response = lobby.get("/members").await?;
    /// # Ok(()) }
    /// ```
    pub async fn by_name(&self, name: &str) -> Result<Fetcher> {
        self.object("idFromName", &[Value::from(name)]).await
    }

    /// Returns the object with an id that [`new_id`](Self::new_id) returned.
    ///
    /// # Errors
    /// `Unsupported` natively. On Workers, any error that the platform throws, for example if the
    /// id belongs to another namespace.
    ///
    /// # Examples
    /// ```
    /// # async fn f(rooms: &bindery::durable_object::DurableObjects) -> bindery::Result<()> {
    /// let id = rooms.new_id().await?;
    /// let response = rooms.by_id(&id).await?.get("/members").await?;
    /// # Ok(()) }
    /// ```
    pub async fn by_id(&self, id: &str) -> Result<Fetcher> {
        self.object("idFromString", &[Value::from(id)]).await
    }

    /// Returns a new id, which no object has yet.
    ///
    /// # Errors
    /// `Unsupported` natively.
    pub async fn new_id(&self) -> Result<String> {
        let work = async {
            let id = self.backend.object("newUniqueId", &[]).await?;
            let text = id.call("toString", &[]).await?;
            let text = text.as_str().unwrap_or_default().to_owned();
            Ok((text, Counts::default()))
        };
        self.gate.pass("new_id", None, work).await
    }

    /// Returns the object whose id `method` returns.
    async fn object(&self, method: &'static str, arguments: &[Value]) -> Result<Fetcher> {
        let work = async {
            let id = self.backend.object(method, arguments).await?;
            let stub = self.backend.object_of("get", &id).await?;
            Ok((Fetcher::new(self.gate.clone(), stub), Counts::default()))
        };
        self.gate.pass("get", None, work).await
    }
}
