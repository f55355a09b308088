//! Requests to other servers.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Request, Response};
use crate::backend;
use crate::bindings::kind::Service;
use crate::error::{ErrorKind, Failure, Result};
use crate::observe::{Gate, Measures, continue_trace};

/// The options of [`fetch_with`].
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use bindery::http::{FetchOptions, Redirect};
///
/// let options = FetchOptions::default()
///     .timeout(Duration::from_secs(5))
///     .redirect(Redirect::Manual);
/// assert_eq!(options.redirect, Redirect::Manual);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FetchOptions {
    /// The time for the whole exchange, the body of the response included. There is no limit by
    /// default.
    pub timeout: Option<Duration>,
    /// What a redirect of the server leads to.
    pub redirect: Redirect,
}

impl FetchOptions {
    /// Sets the time for the whole exchange, the body of the response included.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets what a redirect of the server leads to.
    #[must_use]
    pub fn redirect(mut self, redirect: Redirect) -> Self {
        self.redirect = redirect;
        self
    }
}

/// What a redirect of the server leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Redirect {
    /// A request to the new location, up to 20 times.
    #[default]
    Follow,
    /// The redirect is the response.
    Manual,
    /// An error of kind `Denied`.
    Error,
}

/// Sends a request to another server and returns its response.
///
/// Both bodies are streams. The call is measured like a call to a binding whose name is the host.
/// In a test the request does not leave the process: register its response with
/// [`TestWorld::respond`](crate::TestWorld::respond).
///
/// <https://developers.cloudflare.com/workers/runtime-apis/fetch/>
///
/// # Errors
/// `InvalidArgument` if the URI is not an absolute one of HTTP. `Unavailable` if the server cannot
/// be reached, and `Timeout` if it takes too long. A response with an error status is not an error.
///
/// # Examples
/// ```
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use bindery::http::fetch;
/// use bindery::{Body, Request};
///
/// let request = Request::get("https://example.com/").body(Body::empty())?;
/// let response = fetch(request).await?;
/// assert!(response.status().is_success());
/// # Ok(()) }
/// ```
pub fn fetch(request: Request) -> BoxFuture<'static, Result<Response>> {
    fetch_with(request, FetchOptions::default())
}

/// Sends a request like [`fetch`], with options.
///
/// # Errors
/// See [`fetch`]. `Denied` if the server redirects and the options do not allow it.
pub fn fetch_with(
    mut request: Request,
    options: FetchOptions,
) -> BoxFuture<'static, Result<Response>> {
    let host = request.uri().host().unwrap_or_default().to_owned();
    let is_idempotent = request.method().is_idempotent();
    let gate = Gate::new(Service::Fetch, host, backend::current_observers());
    Box::pin(async move {
        let work = async {
            check(&request)?;
            let redirect = options.redirect;
            continue_trace(&mut request);
            let response = backend::send_request(request, options).await?;
            if redirect == Redirect::Error && response.status().is_redirection() {
                let message = "the server redirects the request";
                return Err(Failure::new(ErrorKind::Denied, message));
            }

            let measures = Measures {
                bytes: http_body::Body::size_hint(response.body()).exact(),
                ..Measures::default()
            };
            Ok((response, measures.into()))
        };
        let result = gate.pass("request", None, work).await;
        result.map_err(|error| error.of_read(is_idempotent))
    })
}

/// The failure of a request in a test that has no response to it. The query is left out, because it
/// can contain a secret.
pub(crate) fn no_response(request: &Request) -> Failure {
    let (method, uri) = (request.method(), request.uri());
    let uri = uri.to_string();
    let uri = uri.split('?').next().unwrap_or_default();
    let message = format!(
        "the test has no response to {method} {uri}: register one with \
         `world.respond(\"{uri}\", ..)`, or call `world.allow_network()`"
    );
    Failure::new(ErrorKind::Denied, message)
}

fn check(request: &Request) -> Result<(), Failure> {
    let uri = request.uri();
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    if is_http && uri.host().is_some_and(|host| !host.is_empty()) {
        return Ok(());
    }
    let message = "the URI of a request must be absolute, such as https://example.com/";
    Err(Failure::new(ErrorKind::InvalidArgument, message))
}
