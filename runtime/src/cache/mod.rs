//! Caches in front of slower data.
//!
//! [`EdgeCache`] keeps whole responses in the data center, through the Cache API.
//! [`Kv::read_through`](crate::kv::Kv::read_through) keeps values in KV.

mod edge;

pub use edge::EdgeCache;
pub(crate) use edge::Lifetime;
