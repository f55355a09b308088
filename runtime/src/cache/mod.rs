//! Caches in front of slower data.
//!
//! [`EdgeCache`] keeps whole responses in the data center, through the Cache API, and
//! [`TieredCache`] keeps values in several caches. [`CacheControl`] is for browsers.
//! [`Kv::read_through`](crate::kv::Kv::read_through) keeps values in KV alone.

mod control;
mod edge;
mod policy;
mod tier;
mod tiered;
#[cfg(feature = "fetch")]
mod zone;

pub use control::CacheControl;
pub use edge::EdgeCache;
pub(crate) use edge::Lifetime;
pub use policy::Policy;
pub use tiered::{Cached, TieredCache};
#[cfg(feature = "fetch")]
pub use zone::{Zone, tag};
