//! HTTP on both backends: the types of the `http` crate, with one streaming body.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tower_service::Service;

mod events;
#[cfg(feature = "fetch")]
mod fetch;
#[cfg(feature = "signed-urls")]
mod signed_url;

use crate::error::{ErrorKind, Failure};

pub use axum_core::body::Body;
pub use axum_core::response::IntoResponse;
pub use events::{EventStream, ServerSentEvent};
#[cfg(feature = "fetch")]
pub(crate) use fetch::no_response;
#[cfg(feature = "fetch")]
pub use fetch::{FetchOptions, Redirect, fetch, fetch_with};
#[cfg(feature = "signed-urls")]
pub use signed_url::UrlSigner;

/// A request: the one that a handler receives, or one to send.
///
/// # Examples
/// ```
/// use bindery::{Body, Request};
///
/// let request: Request = Request::get("https://example.com/").body(Body::empty())?;
/// # Ok::<(), http::Error>(())
/// ```
pub type Request<B = Body> = http::Request<B>;
/// A response: the one that a handler returns, or one to a request.
pub type Response<B = Body> = http::Response<B>;

/// Responds to a request with a service, such as an `axum::Router`.
pub async fn route<S: Service<Request, Response = Response, Error = Infallible>>(
    mut service: S,
    request: Request,
) -> Response {
    let Ok(()) = poll_fn(|context| service.poll_ready(context)).await;
    let Ok(response) = service.call(request).await;
    response
}

/// Adds an origin to the URI of a request to a binding, if it has none. The platform requires an
/// absolute URL, and ignores its host.
pub(crate) fn make_absolute(request: &mut Request) -> Result<(), Failure> {
    if request.uri().host().is_some() {
        return Ok(());
    }
    let path = request.uri().path_and_query();
    let path = path.map_or("/", |path| path.as_str());
    let uri = format!("http://binding{path}").parse::<http::Uri>();
    *request.uri_mut() = uri.map_err(|error| {
        let message = "the URI of the request is not valid";
        Failure::because(ErrorKind::InvalidArgument, message, error)
    })?;
    Ok(())
}

/// The maximum number of bytes that are drained. A longer body is not worth the traffic: the
/// connection is closed instead.
const MAX_DRAIN_BYTES: usize = 16 * 1024 * 1024;

/// The maximum time that draining delays a response. It has to be short, because a client may send
/// nothing more until it receives the response.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The body of a request, of which the server can drain what the handler does not read.
///
/// A handler may respond without reading the body, for example with 401 or 413. If the server then
/// closed the connection, a client that is still sending would see a connection error instead of
/// the response. So the server reads and discards the rest before it sends the response.
pub(crate) struct DrainableBody(Arc<Mutex<Body>>);

impl DrainableBody {
    /// A body that threads can share.
    #[cfg(all(feature = "fetch", not(target_arch = "wasm32")))]
    pub(crate) fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    /// Returns the request for the handler, and the server's reference to its body.
    pub(crate) fn wrap(request: Request) -> (Request, Self) {
        let (parts, body) = request.into_parts();
        let shared = Arc::new(Mutex::new(body));
        let server = Self(Arc::clone(&shared));
        let handler = Self(shared);
        (Request::from_parts(parts, Body::new(handler)), server)
    }

    /// Reads and discards the rest of the body.
    ///
    /// Does nothing if the response still holds the body, as a response that echoes it does.
    pub(crate) async fn drain(self) {
        let Some(body) = Arc::into_inner(self.0) else {
            return;
        };

        let mut body = body.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut remaining = MAX_DRAIN_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Buf::remaining);
            remaining = remaining.saturating_sub(length);
            if remaining == 0 {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl http_body::Body for DrainableBody {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut *self.lock()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().size_hint()
    }
}
