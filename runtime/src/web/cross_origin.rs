//! Protection against requests that other sites cause.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::header::{HOST, ORIGIN, UPGRADE};
use http::{HeaderMap, Uri};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::{Error, ErrorKind};
use crate::http::{IntoResponse, Request, Response};

/// A layer that refuses requests which a page of another site makes the browser of a user send,
/// with the status 403: cross-site request forgery.
///
/// A request that changes something is allowed if the browser says that it comes from this origin
/// (`Sec-Fetch-Site`), or otherwise if its `Origin` is that of the request. A request with neither
/// header does not come from a browser. GET, HEAD and OPTIONS are allowed, except to open a
/// WebSocket: their handlers must not change anything.
///
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site>
///
/// # Examples
/// ```
/// use bindery::web::CrossOriginProtection;
///
/// // Forms of this site may also be used from the page of another one.
/// let layer = CrossOriginProtection::default().trust("https://partner.example.com");
/// // Router::new().route("/notes", post(add)).layer(layer)
/// # let _ = layer;
/// ```
#[derive(Debug, Clone, Default)]
pub struct CrossOriginProtection {
    trusted: Vec<String>,
}

impl CrossOriginProtection {
    /// Allows the requests of another origin, such as `https://partner.example.com`.
    #[must_use]
    pub fn trust(mut self, origin: impl Into<String>) -> Self {
        self.trusted.push(origin.into());
        self
    }

    fn allows(&self, request: &Request) -> bool {
        let headers = request.headers();
        // A page of another site can open a WebSocket with the cookies of this one.
        if request.method().is_safe() && !headers.contains_key(UPGRADE) {
            return true;
        }
        let origin = text(headers, "origin");
        let is_trusted = |origin| self.trusted.iter().any(|trusted| trusted == origin);
        if headers.contains_key(ORIGIN) && origin.is_some_and(is_trusted) {
            return true;
        }
        match text(headers, "sec-fetch-site") {
            Some(site) => matches!(site, "same-origin" | "none"),
            None => match headers.get(ORIGIN) {
                Some(_) => origin.is_some_and(|origin| is_own(origin, request)),
                None => true,
            },
        }
    }
}

/// Whether an origin is the host of a request. The scheme is not compared, because a proxy may have
/// ended TLS.
fn is_own(origin: &str, request: &Request) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else {
        return false;
    };
    let host = text(request.headers(), HOST.as_str());
    let host = host.or_else(|| {
        request
            .uri()
            .authority()
            .map(|authority| authority.as_str())
    });
    // `null` is an origin too.
    let authority = origin.scheme().and(origin.authority());
    authority.is_some_and(|authority| Some(authority.as_str()) == host)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

impl<S> Layer<S> for CrossOriginProtection {
    type Service = CrossOriginService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CrossOriginService {
            layer: self.clone(),
            inner,
        }
    }
}

/// The service of [`CrossOriginProtection`].
#[derive(Debug, Clone)]
pub struct CrossOriginService<S> {
    layer: CrossOriginProtection,
    inner: S,
}

impl<S: Service<Request, Response = Response>> Service<Request> for CrossOriginService<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if self.layer.allows(&request) {
            return Either::Left(self.inner.call(request));
        }
        let message = "the request comes from a page of another site";
        let error = Error::new(ErrorKind::Forbidden, message);
        Either::Right(ready(Ok(error.into_response())))
    }
}
