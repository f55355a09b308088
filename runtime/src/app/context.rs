//! What a handler can do beyond its bindings.

use std::any::TypeId;
use std::fmt;
use std::future::Future;

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use super::{Cf, Environment, Router};
use crate::backend;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Scope;

/// The context of a request, a batch or the start of a worker.
///
/// A handler receives it as an optional last argument. In an axum handler it is an extractor.
///
/// # Examples
/// ```
/// use bindery::{Context, Request};
///
/// # #[derive(Clone)] struct Env;
/// async fn fetch(request: Request, env: Env, context: Context) -> String {
///     context.wait_until(async { println!("the client has its response") });
///     format!("hello, {}", context.cf().city.as_deref().unwrap_or("world"))
/// }
/// ```
#[derive(Clone)]
pub struct Context(backend::Context);

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Context").finish_non_exhaustive()
    }
}

impl Context {
    #[cfg(feature = "web-sockets")]
    pub(crate) fn backend(&self) -> &backend::Context {
        &self.0
    }

    pub(crate) fn new(context: backend::Context) -> Self {
        Self(context)
    }

    /// Runs a future to its end, while the client already has its response.
    ///
    /// If the future returns an error, the error is logged. On Workers a future has 30 seconds
    /// after the response. Natively a shutdown waits for it, and in a test the end of the test.
    ///
    /// <https://developers.cloudflare.com/workers/runtime-apis/context/#waituntil>
    ///
    /// # Examples
    /// ```
    /// # use bindery::{Context, __private::Binding, queue::Queue};
    /// # fn f<B: Binding>(context: &Context, queue: Queue<B>) {
    /// context.wait_until(async move { queue.send("uploaded").await });
    /// # }
    /// ```
    pub fn wait_until<F>(&self, future: F)
    where
        F: Future<Output: TaskOutput> + Send + 'static,
    {
        let future = async move {
            if let Some(problem) = future.await.problem() {
                backend::log_line(&format!("error: background work failed: {problem}"));
            }
        };
        // Its calls belong to the same request.
        let scope = Scope::current().unwrap_or_default();
        self.0.wait_until(scope.run(future));
    }

    /// On Workers, sends the request to the origin server if the handler throws an exception, as if
    /// there were no worker. Natively there is no origin, so this does nothing.
    ///
    /// <https://developers.cloudflare.com/workers/runtime-apis/context/#passthroughonexception>
    pub fn pass_through_on_exception(&self) {
        self.0.pass_through_on_exception();
    }

    /// Returns the router of an environment, which is built at its first request. `key` identifies
    /// the function.
    pub(crate) fn router<E: Environment>(
        &self,
        key: TypeId,
        env: E,
        build: impl FnOnce(E) -> Router,
    ) -> Router {
        self.0.router(key, env, build)
    }

    /// Returns what Cloudflare knows about the request.
    #[must_use]
    pub fn cf(&self) -> Cf {
        self.0.cf()
    }
}

/// The output of a future that [`Context::wait_until`] runs: nothing, or a result whose error is
/// logged.
pub trait TaskOutput {
    /// Returns the text of the error.
    #[doc(hidden)]
    fn problem(self) -> Option<String>;
}

impl TaskOutput for () {
    fn problem(self) -> Option<String> {
        None
    }
}

impl<T, E: fmt::Display> TaskOutput for Result<T, E> {
    fn problem(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// The context of a request that came through `handlers!`.
impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let context = parts.extensions.get::<Self>().cloned();
        context.ok_or_else(|| {
            let message = "the request has no context: it did not come through `handlers!`";
            Error::worker("fetch", ErrorKind::Misconfigured, message)
        })
    }
}
