//! The native backend: SQLite for D1, KV and queues, and files with an index in SQLite for R2.
//!
//! The state is in a folder: `d1/NAME.sqlite`, `kv/BINDING.sqlite`, `r2/BUCKET/` and
//! `queues.sqlite`. An acknowledged write survives a crash of the process.

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
