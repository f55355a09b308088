//! Routers: services that are built once and respond to many requests.

use std::convert::Infallible;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tower_service::Service;

use crate::http::{self, Request, Response};

/// A service without its type.
pub(crate) type Router = Arc<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;

pub(crate) fn router<S>(service: S) -> Router
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>,
    S: Clone + Send + Sync + 'static,
{
    Arc::new(move |request| Box::pin(http::route(service.clone(), request)))
}
