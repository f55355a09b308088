//! Durable Objects: objects with a state of their own, each of which runs in one place.
//!
//! A class is a type with [`#[bindery::durable_object]`](macro@crate::durable_object) on its
//! methods. A binding of the class is a [`Namespace`], whose objects are found by name or by id.
//! Their public methods are called as if they were local:
//!
//! ```ignore
//! let total = env.counters.by_name("visits").add(1).await?;
//! ```
//!
//! <https://developers.cloudflare.com/durable-objects/>

mod class;
mod namespace;
mod state;
mod storage;
mod untyped;
mod wire;

pub use class::{AlarmInfo, DurableObject};
pub use namespace::{Jurisdiction, LocationHint, Namespace, ObjectId, Stub};
pub use state::{ObjectDatabase, State};
pub use storage::{List, Storage};
pub use untyped::DurableObjects;
#[doc(hidden)]
pub use wire::{arguments, reply, unknown_method};
pub(crate) use wire::{error_reply, failure_of, read_reply};
