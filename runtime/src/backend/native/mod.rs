//! The native backend: SQLite for D1, KV and queues, and files with an index in SQLite for R2.
//!
//! The state is in a folder: `d1/NAME.sqlite`, `kv/BINDING.sqlite`, `r2/BUCKET/` and
//! `queues.sqlite`. An acknowledged write survives a crash of the process.

#[allow(
    dead_code,
    reason = "the server and the binding do not use the assets yet"
)]
mod assets;
mod clock;
mod d1;
mod env_files;
mod folder;
mod kv;
mod object;
mod panic;
mod pool;
mod queue;
mod r2;
mod serve;
mod server;
mod store;
mod test;
mod bindings;

pub use bindings::Backend;
pub(crate) use clock::{Stopwatch, log_line};
pub(crate) use d1::{Cells, D1};
pub(crate) use kv::Kv;
pub(crate) use object::Object;
pub(crate) use queue::Queue;
pub use queue::deliver_queues;
pub(crate) use r2::R2;
pub use serve::serve;
pub use server::{Server, ServerOptions, WorkerService};
pub use test::{TestOutcome, in_memory, test};

use std::future::Future;

use crate::error::{ErrorKind, Failure};

/// Runs a future to its end, even if the caller stops waiting for it.
async fn run_to_end<T: Send + 'static>(
    future: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return future.await;
    };
    runtime.spawn(future).await.unwrap_or_else(|error| {
        let message = "the process is shutting down";
        Err(Failure::because(ErrorKind::Unavailable, message, error))
    })
}
