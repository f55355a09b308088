//! The backend on Workers: calls to the JavaScript objects of the platform.
//!
//! A Worker has one thread, so JavaScript values are in the `Send` wrappers of the `worker` crate.
//! Almost all calls into JavaScript go through `js`.

mod clock;
#[cfg(feature = "web-sockets")]
mod connection;
mod context;
mod d1;
mod durable_object;
mod edge_cache;
#[cfg(feature = "email")]
mod email;
mod entry;
#[cfg(feature = "fetch")]
mod fetch;
mod http;
mod js;
mod kv;
mod minimal;
mod object;
mod panic;
mod platform;
mod queue;
mod r2;
mod bindings;
mod stream;
mod tail;
mod task;
mod test;
#[cfg(feature = "web-sockets")]
mod web_socket;
mod workflow;

pub use bindings::Backend;
pub(crate) use bindings::observers as current_observers;
pub(crate) use clock::{
    Stopwatch, http_date, log_line, log_line as print_line, monotonic, now, sleep,
};
#[cfg(feature = "web-sockets")]
pub(crate) use connection::{Connection, Received};
pub(crate) use context::Context;
pub(crate) use d1::{Cells, D1};
#[doc(hidden)]
pub use durable_object::ExportedObject;
pub(crate) use durable_object::{ObjectState, ObjectStub, Objects};
pub(crate) use edge_cache::EdgeCache;
#[cfg(feature = "email")]
pub(crate) use email::ReceivedEmail;
#[cfg(feature = "email")]
pub use email::email;
pub(crate) use entry::respond;
pub use entry::{fetch, queue, scheduled};
#[cfg(feature = "fetch")]
pub(crate) use fetch::send_request;
pub use js::Handle;
pub(crate) use js::parse_number;
pub(crate) use kv::Kv;
pub(crate) use minimal::respond as respond_minimal;
pub(crate) use minimal::{RawContent, RawRequest, into_http};
pub(crate) use object::Object;
pub(crate) use queue::Queue;
pub(crate) use r2::R2;
pub(crate) use stream::read_body;
pub use tail::tail;
pub use test::{TestClock, TestWorld, deliver_queues, test};
#[cfg(feature = "web-sockets")]
pub(crate) use web_socket::WebSocket;
#[doc(hidden)]
pub use workflow::{ExportedWorkflow, derive_from_workflow};
pub(crate) use workflow::{Step, Workflow, WorkflowInstance};

/// Only natively a test can choose the random numbers.
pub(crate) fn fill_random(_: &mut [u8]) -> bool {
    false
}
