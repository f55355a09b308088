//! HTTP in both worlds: the types of the `http` crate, with one streaming body.

use std::convert::Infallible;
use std::future::poll_fn;

use tower_service::Service;

pub use axum_core::body::Body;
pub use axum_core::response::IntoResponse;

/// A request as a handler gets it.
pub type Request = http::Request<Body>;
/// A response as a handler gives it.
pub type Response = http::Response<Body>;

/// Lets a service answer a request: an `axum::Router`, or any other of its kind.
pub async fn route<S: Service<Request, Response = Response, Error = Infallible>>(mut service: S, request: Request) -> Response {
    let Ok(()) = poll_fn(|context| service.poll_ready(context)).await;
    let Ok(response) = service.call(request).await;
    response
}
