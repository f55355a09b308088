//! The embedded backend: SQLite for D1 and KV, files with an index for R2, a persisted queue.
//!
//! State is a folder that one can read: `d1/NAME.sqlite`, `kv/BINDING.sqlite`, `r2/BUCKET/`,
//! `queues.sqlite`. An acknowledged write survives the death of the process.

mod clock;
mod d1;
mod env_files;
mod kv;
mod object;
mod queue;
mod r2;
mod serve;
mod store;
mod test;
mod bindings;

pub use bindings::Backend;
pub(crate) use clock::{Stopwatch, log_line};
pub(crate) use d1::D1;
pub(crate) use kv::Kv;
pub(crate) use object::Object;
pub(crate) use queue::Queue;
pub use queue::deliver_queues;
pub(crate) use r2::R2;
pub use serve::serve;
pub use test::{TestOutcome, in_memory, test};
