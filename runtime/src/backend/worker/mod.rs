//! The backend on Workers: the platform's own objects, called from Wasm.
//!
//! A Worker has one thread, so JavaScript values are carried in the `worker` crate's `Send` wrappers;
//! `js.rs` is where every call into JavaScript is made.

mod clock;
mod d1;
mod entry;
mod js;
mod kv;
mod object;
mod queue;
mod r2;
mod bindings;

pub use bindings::Backend;
pub(crate) use clock::{Stopwatch, log_line};
pub(crate) use d1::D1;
pub use entry::{fetch, no_durable_object, queue};
pub(crate) use kv::Kv;
pub(crate) use object::Object;
pub(crate) use queue::Queue;
pub(crate) use r2::R2;
