//! The objects of a class, as the code that calls them sees them.

use std::fmt::{self, Display};
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{DurableObject, failure_of, read_reply, wire};
use crate::backend::{self, Backend};
use crate::bindings::{BindingKind, Connect};
use crate::error::{Failure, Result};
use crate::http::{Request, Response};
use crate::observe::{Counts, Gate, continue_trace};

/// The objects of a Durable Object class.
///
/// # Examples
/// ```ignore
/// let stats = env.user_stats.by_name("ann").record_upload(1024).await?;
/// ```
pub struct Namespace<T> {
    gate: Gate,
    backend: backend::Objects,
    class: PhantomData<fn() -> T>,
}

impl<T> Clone for Namespace<T> {
    fn clone(&self) -> Self {
        Self {
            gate: self.gate.clone(),
            backend: self.backend.clone(),
            class: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Namespace<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Namespace")
            .field("binding", &self.gate.binding())
            .finish_non_exhaustive()
    }
}

impl<T: DurableObject> Connect for Namespace<T> {
    const KIND: BindingKind = BindingKind::DurableObject;

    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String> {
        Ok(Self {
            gate,
            backend: backend.objects::<T>(binding)?,
            class: PhantomData,
        })
    }
}

impl<T: DurableObject> Namespace<T> {
    /// Returns a client of the object with a name. One name is one object, wherever the worker
    /// runs. Nothing is sent before the first call.
    ///
    /// # Examples
    /// ```ignore
    /// let room = env.rooms.by_name("lobby");
    /// let ticket = env.tickets.by_name(7);
    /// ```
    #[must_use]
    pub fn by_name(&self, name: impl Display) -> T::Client {
        self.client(self.backend.by_name(&name.to_string(), None))
    }

    /// Returns a client of the object with a name, which is created near a location if it does not
    /// exist.
    ///
    /// <https://developers.cloudflare.com/durable-objects/reference/data-location/>
    #[must_use]
    pub fn by_name_near(&self, name: impl Display, location: LocationHint) -> T::Client {
        let location = Some(location.as_str());
        self.client(self.backend.by_name(&name.to_string(), location))
    }

    /// Returns a client of the object with an id.
    ///
    /// # Errors
    /// `InvalidArgument` if `id` is not the id of an object of this class.
    pub fn by_id(&self, id: &str) -> Result<T::Client> {
        let stub = self.backend.by_id(id);
        let stub = stub.map_err(|failure| self.gate.failed("get", failure))?;
        Ok(self.client(stub))
    }

    /// Returns the id of the object with a name.
    #[must_use]
    pub fn id_of(&self, name: impl Display) -> ObjectId {
        ObjectId(self.backend.by_name(&name.to_string(), None).id())
    }

    /// Returns a new id, which no object has yet.
    ///
    /// # Errors
    /// Any error of the platform.
    pub fn new_id(&self) -> Result<ObjectId> {
        let id = self.backend.new_id();
        id.map(ObjectId)
            .map_err(|failure| self.gate.failed("new_id", failure))
    }

    /// Returns the objects that are stored in a jurisdiction. A name is another object there.
    ///
    /// # Errors
    /// Any error of the platform. The local simulator of Cloudflare does not have jurisdictions.
    ///
    /// <https://developers.cloudflare.com/durable-objects/reference/data-location/>
    pub fn in_jurisdiction(&self, jurisdiction: Jurisdiction) -> Result<Self> {
        let backend = self.backend.in_jurisdiction(jurisdiction.as_str());
        Ok(Self {
            gate: self.gate.clone(),
            backend: backend.map_err(|failure| self.gate.failed("jurisdiction", failure))?,
            class: PhantomData,
        })
    }

    fn client(&self, stub: backend::ObjectStub) -> T::Client {
        let gate = self.gate.clone();
        T::Client::from(Stub {
            gate,
            backend: stub,
        })
    }
}

/// A jurisdiction in which objects are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jurisdiction {
    /// The European Union.
    Eu,
    /// Data centers that comply with `FedRAMP`.
    FedRamp,
}

impl Jurisdiction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Eu => "eu",
            Self::FedRamp => "fedramp",
        }
    }
}

/// A region near which an object is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocationHint {
    /// Western North America.
    WesternNorthAmerica,
    /// Eastern North America.
    EasternNorthAmerica,
    /// South America.
    SouthAmerica,
    /// Western Europe.
    WesternEurope,
    /// Eastern Europe.
    EasternEurope,
    /// Asia-Pacific.
    AsiaPacific,
    /// Oceania.
    Oceania,
    /// Africa.
    Africa,
    /// Middle East.
    MiddleEast,
}

impl LocationHint {
    fn as_str(self) -> &'static str {
        match self {
            Self::WesternNorthAmerica => "wnam",
            Self::EasternNorthAmerica => "enam",
            Self::SouthAmerica => "sam",
            Self::WesternEurope => "weur",
            Self::EasternEurope => "eeur",
            Self::AsiaPacific => "apac",
            Self::Oceania => "oc",
            Self::Africa => "afr",
            Self::MiddleEast => "me",
        }
    }
}

/// The id of an object: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub(crate) String);

impl ObjectId {
    /// Returns the digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ObjectId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for ObjectId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One object, as the code that calls it sees it. The generated clients dereference to it.
#[derive(Debug, Clone)]
pub struct Stub {
    gate: Gate,
    backend: backend::ObjectStub,
}

impl Stub {
    /// Returns the id of the object.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        ObjectId(self.backend.id())
    }

    /// Drops what the object has in memory.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) async fn evict(&self) {
        self.backend.evict().await;
    }

    /// Sends a request to the `fetch` of the object.
    ///
    /// # Errors
    /// `Unavailable` or `Overloaded` if the object cannot be reached; `Internal` if it panics.
    ///
    /// # Examples
    /// ```ignore
    /// let response = env.rooms.by_name("lobby").fetch(request).await?;
    /// ```
    pub async fn fetch(&self, mut request: Request) -> Result<Response> {
        let work = async {
            continue_trace(&mut request);
            let response = self.backend.fetch(request).await?;
            Ok((response, Counts::default()))
        };
        self.gate.pass("fetch", None, work).await
    }

    /// Calls a method. The generated clients call it.
    ///
    /// # Errors
    /// The error of the method, with its kind. See also [`fetch`](Self::fetch).
    #[doc(hidden)]
    pub async fn call<A: Serialize, R: DeserializeOwned>(
        &self,
        method: &'static str,
        arguments: &A,
    ) -> Result<R> {
        let reply = self.call_json(method, wire::encode(arguments)).await?;
        read_reply(&reply).map_err(|failure| self.gate.failed("call", failure))
    }

    /// Only this part exists once for all methods.
    async fn call_json(
        &self,
        method: &'static str,
        arguments: Result<String, Failure>,
    ) -> Result<String> {
        let work = async {
            let reply = self.backend.call(method, arguments?).await?;
            match failure_of(&reply) {
                Some(failure) => Err(failure),
                None => Ok((reply, Counts::default())),
            }
        };
        self.gate.pass("call", Some(method), work).await
    }
}
