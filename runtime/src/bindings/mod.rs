//! The bindings: one file or folder for each type that a field of `Env` can wrap.
//!
//! `kind.rs` lists the kinds. A new kind needs a file here, a line in that list, and an arm in
//! `backend::native::bindings`, which the compiler demands.

pub mod d1;
pub mod kv;
pub mod r2;
pub mod queue;
pub mod ai;
pub mod analytics_engine;
pub mod blob;
pub mod dispatch;
pub mod durable_object;
pub mod email;
pub mod fetcher;
pub mod hyperdrive;
pub mod images;
pub mod k2;
pub mod pipeline;
pub mod rate_limit;
pub mod secrets_store;
pub mod vectorize;
#[cfg(feature = "web-sockets")]
pub mod web_socket;
pub mod version;
pub mod worker_loader;
pub mod workflow;
pub mod raw;
pub(crate) mod kind;
pub(crate) mod content;
pub(crate) mod key;

pub(crate) use kind::{BindingKind, Connect};

/// Implements [`Connect`] for a type that wraps one object with methods.
macro_rules! connect_object {
    ($kind:ident, $ty:ty) => {
        impl $crate::bindings::Connect for $ty {
            const KIND: $crate::bindings::BindingKind = $crate::bindings::BindingKind::$kind;

            fn connect(
                backend: &$crate::backend::Backend,
                binding: &'static str,
                gate: $crate::observe::Gate,
            ) -> Result<Self, String> {
                Ok(Self::new(gate, backend.object(binding, Self::KIND)?))
            }
        }
    };
}

use connect_object;
