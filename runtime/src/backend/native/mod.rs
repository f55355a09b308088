//! The native backend: SQLite for D1, KV and queues, and files with an index in SQLite for R2.
//!
//! The state is in a folder: `d1/NAME.sqlite`, `kv/BINDING.sqlite`, `r2/BUCKET/` and
//! `queues.sqlite`. An acknowledged write survives a crash of the process.

mod assets;
mod clock;
#[cfg(feature = "web-sockets")]
mod connection;
mod context;
mod d1;
#[cfg(feature = "dashboard")]
mod dashboard;
mod durable_object;
mod edge_cache;
#[cfg(feature = "email")]
mod email;
mod env_files;
#[cfg(feature = "fetch")]
mod fetch;
mod folder;
mod kv;
mod local;
mod log;
mod minimal;
mod object;
mod panic;
mod pool;
mod queue;
mod r2;
#[cfg(feature = "presign")]
mod s3;
mod schedule;
mod scheduler;
mod serve;
mod server;
mod store;
mod test;
#[cfg(feature = "web-sockets")]
mod test_socket;
mod workflow;
mod world;
mod bindings;

pub use bindings::Backend;
pub(crate) use clock::{Stopwatch, http_date, monotonic, now, sleep};
#[cfg(feature = "web-sockets")]
pub(crate) use connection::{Connection, Received};
pub(crate) use context::Context;
pub(crate) use d1::{Cells, D1};
#[cfg(feature = "web-sockets")]
pub(crate) use durable_object::WebSocket;
pub(crate) use durable_object::{ObjectState, ObjectStub, Objects};
pub(crate) use edge_cache::EdgeCache;
#[cfg(feature = "email")]
pub(crate) use email::ReceivedEmail;
#[cfg(feature = "fetch")]
pub(crate) use fetch::send_request;
pub(crate) use kv::Kv;
pub(crate) use log::{log_line, print_line};
pub(crate) use minimal::{RawContent, RawRequest, into_http};
pub(crate) use object::Object;
pub(crate) use queue::Queue;
pub use queue::deliver_queues;
pub(crate) use r2::R2;
pub use serve::serve;
pub use server::{LogFormat, Server, ServerOptions, WorkerService};
pub use test::{TestClock, TestWorld, in_memory, test};
#[cfg(feature = "web-sockets")]
pub use test_socket::TestSocket;
pub(crate) use workflow::{Step, Workflow, WorkflowInstance};
pub(crate) use world::split_mix;

use bytes::Bytes;
use http_body_util::BodyExt;
use std::future::Future;
use std::sync::{Arc, LazyLock, Mutex};

use crate::error::{ErrorKind, Failure};
use crate::http::Body;
use crate::observe::Observers;

/// The observers of requests to other servers: of this test, or of the server of the process.
pub(crate) fn current_observers() -> Arc<Observers> {
    match world::current() {
        Some(world) => Arc::clone(&pool::lock(&world.observers)),
        None => Arc::clone(&pool::lock(&SERVER_OBSERVERS)),
    }
}

/// The observers of the server that this process runs.
static SERVER_OBSERVERS: LazyLock<Mutex<Arc<Observers>>> = LazyLock::new(Mutex::default);

/// Parses a number of JSON.
pub(crate) fn parse_number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// Fills `bytes` with random numbers if a test has chosen their seed. Returns whether it has.
pub(crate) fn fill_random(bytes: &mut [u8]) -> bool {
    world::current().is_some_and(|world| world.fill_random(bytes))
}

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

/// Reads all of a body.
pub(crate) async fn read_body(body: Body) -> Result<Bytes, Failure> {
    let collected = body.collect().await.map_err(|error| {
        let message = format!("the content ended early: {error}");
        Failure::because(ErrorKind::Unavailable, message, error)
    })?;
    Ok(collected.to_bytes())
}
