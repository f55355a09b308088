//! Durable Objects in this process.
//!
//! Each object runs on one of a few threads, so its calls take turns where they wait. Its storage
//! is a SQLite file, `durable_objects/CLASS/ID.sqlite`, and all alarms are in one file beside them.

mod alarms;
mod host;
mod id;
mod input_gate;
mod instance;
mod state;
#[cfg(feature = "web-sockets")]
mod web_socket;

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock};

use bindery_sqlite::Database;
use tokio::sync::oneshot;

use crate::app::Resource;
use crate::durable_object::{DurableObject, State};
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::http::{Request, Response, make_absolute};
use crate::observe::Gate;

use super::bindings::{Opened, WeakBackend};
use super::pool::{Pool, lock};
#[cfg(feature = "web-sockets")]
use crate::web_socket::{Close, Message};
pub(super) use host::Hosts;
use id::IdKey;
use instance::{AnyObject, Instance, Typed};
pub(crate) use state::ObjectState;
#[cfg(feature = "web-sockets")]
pub(crate) use web_socket::WebSocket;
#[cfg(feature = "web-sockets")]
pub(super) use web_socket::{
    ClientSocket, Incoming, Outgoing, Upgrade, queue_message, switching_protocols,
};

/// The objects of a class.
#[derive(Clone)]
pub(crate) struct Objects {
    class: Arc<Class>,
    /// Ids of another jurisdiction have another key.
    key: IdKey,
}

impl fmt::Debug for Objects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Objects")
            .field("class", &self.class.name)
            .finish_non_exhaustive()
    }
}

/// A class, and what its objects have in memory.
pub(super) struct Class {
    name: &'static str,
    binding: &'static str,
    hosts: Hosts,
    /// Set when an environment is connected.
    factory: OnceLock<Factory>,
    /// The storage of the objects of a test, by their ids.
    in_memory: Mutex<std::collections::HashMap<String, Pool<Database>>>,
}

/// The parts of a class that know its type.
struct Factory {
    create: Box<CreateObject>,
    has_alarm: bool,
}

type CreateObject = dyn Fn(ObjectState) -> Result<Created> + Send + Sync;

/// An object in memory, and what its calls need.
struct Created {
    object: Rc<dyn AnyObject>,
    gate: Gate,
    context: crate::Context,
}

impl Objects {
    /// The objects of the class of a binding.
    pub(super) fn new(worker: &str, resource: &'static Resource, hosts: Hosts) -> Self {
        let name = resource.setting("class_name").unwrap_or(resource.binding);
        let class = Class {
            name,
            binding: resource.binding,
            hosts,
            factory: OnceLock::new(),
            in_memory: Mutex::default(),
        };
        Self {
            class: Arc::new(class),
            key: IdKey::new(&format!("{worker}-{name}")),
        }
    }

    /// Adds the type of the class.
    pub(super) fn register<T: DurableObject>(&self, backend: WeakBackend) {
        let (class, binding) = (self.class.name, self.class.binding);
        let create = move |state: ObjectState| {
            let Some(backend) = backend.upgrade() else {
                let message = "the process is shutting down";
                return Err(Error::worker("start", ErrorKind::Unavailable, message));
            };
            let env = <T::Env as crate::app::Environment>::connect(&backend)?;
            let observers = backend.observers();
            let gate = Gate::new(crate::Service::DurableObject, binding, observers.clone());
            let object = T::create(State::new(state, gate), env)?;
            Ok(Created {
                object: Rc::new(Typed(Rc::new(object))),
                gate: Gate::of_handler(class, observers),
                context: backend.background_context(),
            })
        };

        self.class.factory.get_or_init(|| Factory {
            create: Box::new(create),
            has_alarm: T::HAS_ALARM,
        });
        self.class.hosts.add(&self.class);
    }

    pub(crate) fn by_name(&self, name: &str, _location: Option<&str>) -> ObjectStub {
        self.stub(self.key.of_name(name), Some(name.to_owned()))
    }

    pub(crate) fn by_id(&self, id: &str) -> Result<ObjectStub, Failure> {
        self.key.check(id)?;
        Ok(self.stub(id.to_ascii_lowercase(), None))
    }

    pub(crate) fn new_id(&self) -> Result<String, Failure> {
        self.key.unique()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the platform can refuse it")]
    pub(crate) fn in_jurisdiction(&self, jurisdiction: &str) -> Result<Self, Failure> {
        Ok(Self {
            class: Arc::clone(&self.class),
            key: self.key.in_jurisdiction(jurisdiction),
        })
    }

    fn stub(&self, id: String, name: Option<String>) -> ObjectStub {
        ObjectStub {
            class: Arc::clone(&self.class),
            id,
            name,
        }
    }
}

impl Class {
    fn factory(&self) -> Result<&Factory, Failure> {
        self.factory.get().ok_or_else(|| {
            let message = format!("no environment has the class `{}`", self.name);
            Failure::new(ErrorKind::Misconfigured, message)
        })
    }

    /// Opens the storage of an object.
    fn open(&self, id: &str) -> Opened<Pool<Database>> {
        let Some(folder) = self.hosts.folder() else {
            let mut stores = lock(&self.in_memory);
            if let Some(pool) = stores.get(id) {
                return Ok(pool.clone());
            }
            let pool = state::prepared(Database::in_memory()?)?;
            stores.insert(id.to_owned(), pool.clone());
            return Ok(pool);
        };
        let folder: &Path = &folder.join(self.name);
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("{id}.sqlite"));
        Ok(state::prepared(Database::open(&path)?)?)
    }
}

/// One object, for its callers.
#[derive(Clone)]
pub(crate) struct ObjectStub {
    class: Arc<Class>,
    id: String,
    name: Option<String>,
}

impl fmt::Debug for ObjectStub {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ObjectStub")
            .field("class", &self.class.name)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl ObjectStub {
    pub(crate) fn id(&self) -> String {
        self.id.clone()
    }

    pub(crate) async fn call(
        &self,
        method: &'static str,
        arguments: String,
    ) -> Result<String, Failure> {
        let work = move |instance: Rc<Instance>| instance.call(method, arguments);
        self.run(work).await?
    }

    pub(crate) async fn fetch(&self, mut request: Request) -> Result<Response, Failure> {
        make_absolute(&mut request)?;
        let work = move |instance: Rc<Instance>| instance.fetch(request);
        self.run(work).await?
    }

    /// Drops what the object has in memory.
    pub(crate) async fn evict(&self) {
        let (reply, evicted) = oneshot::channel();
        let (class, id) = (Arc::clone(&self.class), self.id.clone());
        self.class.hosts.send(&self.id, move |thread| {
            thread.remove(&class, &id);
            let _ = reply.send(());
        });
        let _ = evicted.await;
    }

    /// Passes a message of a client to the object.
    #[cfg(feature = "web-sockets")]
    fn web_socket_message(&self, socket: u64, message: Message) {
        self.spawn(move |instance| instance.web_socket_message(socket, message));
    }

    /// Tells the object that a connection is closed.
    #[cfg(feature = "web-sockets")]
    fn web_socket_close(&self, socket: u64, close: Close) {
        self.spawn(move |instance| instance.web_socket_close(socket, close));
    }

    /// Starts a future on the thread of the object.
    #[cfg(feature = "web-sockets")]
    fn spawn<F: Future<Output = ()> + 'static>(
        &self,
        work: impl FnOnce(Rc<Instance>) -> F + Send + 'static,
    ) {
        let Self { class, id, name } = self.clone();
        self.class.hosts.send(&self.id, move |thread| {
            let instance = thread.instance(&class, &id, name);
            tokio::task::spawn_local(work(instance));
        });
    }

    /// Runs a future on the thread of the object.
    async fn run<T, F>(
        &self,
        work: impl FnOnce(Rc<Instance>) -> F + Send + 'static,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let (reply, result) = oneshot::channel();
        let Self { class, id, name } = self.clone();
        self.class.hosts.send(&self.id, move |thread| {
            let instance = thread.instance(&class, &id, name);
            tokio::task::spawn_local(async move {
                // A caller that no longer waits does not end the call.
                let _ = reply.send(work(instance).await);
            });
        });

        result.await.map_err(|_| {
            let message = "the process is shutting down";
            Failure::new(ErrorKind::Unavailable, message)
        })
    }
}
