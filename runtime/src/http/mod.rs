//! HTTP in both worlds: the types of the `http` crate, with one streaming body.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tower_service::Service;

pub use axum_core::body::Body;
pub use axum_core::response::IntoResponse;

/// A request as a handler gets it.
pub type Request = http::Request<Body>;
/// A response as a handler gives it.
pub type Response = http::Response<Body>;

/// Lets a service answer a request: an `axum::Router`, or any other of its kind.
pub async fn route<S: Service<Request, Response = Response, Error = Infallible>>(
    mut service: S,
    request: Request,
) -> Response {
    let Ok(()) = poll_fn(|context| service.poll_ready(context)).await;
    let Ok(response) = service.call(request).await;
    response
}

/// Bytes of a request that are read on after its handler has answered without reading them.
const READ_OUT_BYTES: usize = 16 * 1024 * 1024;

/// How long that is waited for: a client may wait for the answer before it sends.
pub(crate) const READ_OUT_TIME: Duration = Duration::from_secs(2);

/// The body of a request, shared between the handler and whoever reads it out.
pub(crate) struct Shared(Arc<Mutex<Body>>);

impl Shared {
    /// The request with its body shared, and the other share.
    pub(crate) fn new(request: Request) -> (Request, Self) {
        let (parts, body) = request.into_parts();
        let shared = Arc::new(Mutex::new(body));
        let own = Self(Arc::clone(&shared));
        (Request::from_parts(parts, Body::new(Self(shared))), own)
    }

    /// Reads what the handler has left unread: a client that is still sending would lose its connection
    /// before it reads the answer. Leaves alone what the answer itself may still read.
    pub(crate) async fn read_out(self) {
        let Some(body) = Arc::into_inner(self.0) else {
            return;
        };
        let mut body = body.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut rest = READ_OUT_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            rest = rest.saturating_sub(frame.data_ref().map_or(0, Buf::remaining));
            if rest == 0 {
                return;
            }
        }
    }
}

impl http_body::Body for Shared {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .size_hint()
    }
}
