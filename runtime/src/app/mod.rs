//! The worker itself: its handlers, its environment, and the manifest compiled into it.

mod connector;
mod manifest;
mod vars;

use std::future::Future;

use crate::backend::Backend;
use crate::error::Result;
use crate::http::{Request, Response};
use crate::queue::RawBatch;

pub use connector::Connector;
pub use manifest::{Consumer, Content, EnvironmentManifest, Manifest, Resource};
pub(crate) use vars::RawVar;
pub use vars::Secret;

/// An environment that was generated from a manifest.
pub trait Environment: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    const MANIFEST: Manifest;

    #[doc(hidden)]
    fn connect(backend: &Backend) -> Result<Self>;

    #[doc(hidden)]
    fn backend(&self) -> &Backend;
}

/// A worker: its environment and its handlers. Implemented by [`handlers!`](crate::handlers).
pub trait Application: Send + Sync + 'static {
    /// The environment.
    type Env: Environment;

    /// Answers a request.
    fn fetch(request: Request, env: Self::Env) -> impl Future<Output = Response> + Send;

    /// Consumes a batch of a queue.
    fn queue(batch: &mut RawBatch, env: Self::Env) -> impl Future<Output = Result<()>> + Send;
}
