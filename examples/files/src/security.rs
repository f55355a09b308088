//! Protection against other sites, which can make a user's browser send requests to this one.

use std::net::IpAddr;

use axum::http::header::{self, HeaderValue};
use axum::middleware::Next;
use axum::response::IntoResponse;
use bindery::web::SecureHeaders;
use bindery::{Request, Response};

use crate::error::AppError;

/// The names of this machine in a URI.
const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// A browser must not run an uploaded file as a part of this site.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// The headers of every response.
pub fn headers() -> SecureHeaders {
    SecureHeaders::default()
        .with(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        )
        // The responses differ between users.
        .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
        // The address of a download names the user.
        .with(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        )
}

/// Prevents DNS rebinding. A site can let its own name resolve to 127.0.0.1, and its page can then
/// use a server on the user's machine as its own. The request still has the name of the site.
///
/// The rule also applies to a proxy on this machine: let it send `Host: localhost`.
pub async fn check_host(request: Request, next: Next) -> Response {
    let client = request.headers().get("cf-connecting-ip");
    let client = client.and_then(|address| address.to_str().ok()?.parse::<IpAddr>().ok());
    let is_local = client.is_some_and(|address| address.to_canonical().is_loopback());

    let host = request.uri().host().unwrap_or_default();
    let is_loopback = |name: &&str| host.eq_ignore_ascii_case(name);
    if is_local && !LOOPBACK_HOSTS.iter().any(is_loopback) {
        let message = "on this machine, use the host `localhost`, `127.0.0.1` or `[::1]`";
        return AppError::Forbidden(message).into_response();
    }
    next.run(request).await
}
