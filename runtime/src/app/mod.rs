//! The worker: its handlers, its environment and its manifest.

mod cf;
mod connector;
mod context;
mod handler;
mod manifest;
mod router;
mod scheduled;
pub mod tail;
mod test;
mod vars;

use std::future::Future;

use crate::backend::Backend;
use crate::error::{Error, ErrorKind, Result};
use crate::http::{Request, Response};
use crate::queue::RawBatch;

pub use cf::Cf;
pub use connector::Connector;
pub use context::{Context, TaskOutput};
#[doc(hidden)]
pub use handler::{FetchHandler, QueueHandler, ScheduledHandler, StartHandler, of_queue};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use manifest::setting;
pub use manifest::{
    Consumer, Content, Days, EnvironmentManifest, Manifest, Resource, Schedule, Weekdays,
};
pub(crate) use router::{Router, router};
pub(crate) use scheduled::run_scheduled;
pub use scheduled::{ScheduledEvent, no_schedule};
pub(crate) use test::respond;
#[doc(hidden)]
pub use test::{TestOptions, TestOutcome};
pub(crate) use vars::RawVar;
pub use vars::Secret;

/// The environment of a worker. Implemented by `#[bindings]`.
pub trait Environment: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    const MANIFEST: Manifest;

    #[doc(hidden)]
    fn connect(backend: &Backend) -> Result<Self>;

    #[doc(hidden)]
    fn backend(&self) -> &Backend;
}

/// The handlers of a worker. Implemented by [`handlers!`](crate::handlers).
pub trait Application: Send + Sync + 'static {
    /// The environment of the worker.
    type Env: Environment;

    /// Runs once, before the first request or batch.
    ///
    /// # Errors
    /// The error of the start hook.
    fn start(env: &Self::Env, context: &Context) -> Result<()>;

    /// Responds to a request.
    fn fetch(
        request: Request,
        env: Self::Env,
        context: Context,
    ) -> impl Future<Output = Response> + Send;

    /// Responds to a request of the platform.
    #[doc(hidden)]
    #[cfg(target_arch = "wasm32")]
    fn serve(
        request: crate::backend::Handle,
        env: Self::Env,
        context: Context,
    ) -> impl Future<Output = Result<crate::backend::Handle, crate::error::Failure>> + Send {
        crate::backend::respond(request, context.clone(), |request| {
            Self::fetch(request, env, context)
        })
    }

    /// Processes a batch of messages from a queue.
    fn queue(
        batch: &mut RawBatch,
        env: Self::Env,
        context: Context,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Runs the handler of a cron trigger.
    fn scheduled(
        event: ScheduledEvent,
        env: Self::Env,
        context: Context,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Receives traces of other workers.
    fn tail(
        traces: Vec<tail::TraceItem>,
        env: Self::Env,
        context: Context,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (traces, env, context);
        async {
            let message = "this worker has no tail handler: add `tail: path` to `handlers!`";
            Err(Error::worker("tail", ErrorKind::Unsupported, message))
        }
    }

    /// Receives an email.
    #[cfg(feature = "email")]
    fn email(
        email: crate::email::IncomingEmail,
        env: Self::Env,
        context: Context,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (email, env, context);
        async {
            let message = "this worker has no email handler: add `email: path` to `handlers!`";
            Err(Error::worker("email", ErrorKind::Unsupported, message))
        }
    }
}
