//! Headers with which browsers protect the users of a site.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::http::Response;

/// The headers of a site that loads nothing from others and is in no frame.
const DEFAULTS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'",
    ),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // For browsers that do not know `frame-ancestors`.
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// A layer that adds the headers with which browsers protect the users of a site, unless a response
/// sets them itself.
///
/// | header | default |
/// | --- | --- |
/// | `Content-Security-Policy` | everything from this site, no plugins, no frames |
/// | `Strict-Transport-Security` | a year; browsers ignore it over plain HTTP |
/// | `X-Content-Type-Options` | `nosniff` |
/// | `X-Frame-Options` | `DENY` |
/// | `Referrer-Policy` | `strict-origin-when-cross-origin` |
/// | `Cross-Origin-Opener-Policy` | `same-origin` |
/// | `Cross-Origin-Resource-Policy` | `same-origin` |
///
/// <https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html>
///
/// # Examples
/// ```
/// use bindery::web::SecureHeaders;
/// use http::HeaderValue;
/// use http::header::CONTENT_SECURITY_POLICY;
///
/// let policy = HeaderValue::from_static("default-src 'self'; img-src 'self' data:");
/// let layer = SecureHeaders::default().with(CONTENT_SECURITY_POLICY, policy);
/// // Router::new().route("/", get(page)).layer(layer)
/// # let _ = layer;
/// ```
#[derive(Debug, Clone)]
pub struct SecureHeaders(HeaderMap);

impl Default for SecureHeaders {
    fn default() -> Self {
        let headers = DEFAULTS.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Self(headers.into_iter().collect())
    }
}

impl SecureHeaders {
    /// Sets a header, or adds one to the defaults.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.insert(name, value);
        self
    }

    /// Removes a header of the defaults.
    #[must_use]
    pub fn without(mut self, name: &HeaderName) -> Self {
        self.0.remove(name);
        self
    }
}

impl<S> Layer<S> for SecureHeaders {
    type Service = SecureHeadersService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SecureHeadersService {
            inner,
            headers: self.0.clone(),
        }
    }
}

/// The service of [`SecureHeaders`].
#[derive(Debug, Clone)]
pub struct SecureHeadersService<S> {
    inner: S,
    headers: HeaderMap,
}

impl<S, R, B> Service<R> for SecureHeadersService<S>
where
    S: Service<R, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = SecureHeadersFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        SecureHeadersFuture {
            response: self.inner.call(request),
            headers: self.headers.clone(),
        }
    }
}

pin_project! {
    /// The future of [`SecureHeadersService`].
    #[derive(Debug)]
    pub struct SecureHeadersFuture<F> {
        #[pin]
        response: F,
        headers: HeaderMap,
    }
}

impl<F, B, E> Future for SecureHeadersFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.response.poll(context));
        if let Ok(response) = &mut response {
            let headers = response.headers_mut();
            for (name, value) in this.headers.drain() {
                if let Some(name) = name {
                    headers.entry(name).or_insert(value);
                }
            }
        }
        Poll::Ready(response)
    }
}
