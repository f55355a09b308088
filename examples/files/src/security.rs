//! Protection against other sites, which can make a user's browser send requests to this one: the
//! checks of every request, and the headers of every response.

use std::net::IpAddr;

use axum::http::header::{self, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::IntoResponse;
use bindery::{Request, Response};

use crate::error::AppError;

/// The names of this machine in a URI.
const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The headers of a response that does not set them itself.
const DEFAULT_HEADERS: [(HeaderName, &str); 4] = [
    // The responses differ between users.
    (header::CACHE_CONTROL, "no-store"),
    // A browser must not run an uploaded file as a part of this site.
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; sandbox",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // The address of a download names the user.
    (header::REFERRER_POLICY, "no-referrer"),
];

/// Refuses a request that another site may have caused, and adds the headers that every response
/// has.
pub async fn guard(request: Request, next: Next) -> Response {
    let response = match check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    protect(response)
}

fn check(request: &Request) -> Result<(), AppError> {
    check_host(request)?;
    if request.method().is_safe() {
        Ok(())
    } else {
        check_origin(request)
    }
}

fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in DEFAULT_HEADERS {
        let value = HeaderValue::from_static(value);
        headers.entry(name).or_insert(value);
    }
    response
}

/// Prevents DNS rebinding. A site can let its own name resolve to 127.0.0.1, and its page can then
/// use a server on the user's machine as its own. The request still has the name of the site.
///
/// The rule also applies to a proxy on this machine: let it send `Host: localhost`.
fn check_host(request: &Request) -> Result<(), AppError> {
    let client = header(request, "cf-connecting-ip");
    let client = client.and_then(|address| address.parse::<IpAddr>().ok());
    let is_local = client.is_some_and(|address| address.to_canonical().is_loopback());

    let host = request.uri().host().unwrap_or_default();
    let is_loopback = |name: &&str| host.eq_ignore_ascii_case(name);
    if is_local && !LOOPBACK_HOSTS.iter().any(is_loopback) {
        let message = "on this machine, use the host `localhost`, `127.0.0.1` or `[::1]`";
        return Err(AppError::Forbidden(message));
    }
    Ok(())
}

/// Prevents cross-site request forgery. A form of another site can send a POST, but no header. A
/// script of another site can add a header only after a CORS preflight, which this worker does not
/// allow. So only the page itself, or a program that is not a browser, can send the header.
fn check_origin(request: &Request) -> Result<(), AppError> {
    // Current browsers also say where a request comes from.
    let site = header(request, "sec-fetch-site");
    let is_ours = matches!(site, None | Some("same-origin" | "none"));

    if is_ours && request.headers().contains_key("x-requested-with") {
        Ok(())
    } else {
        let message = "another site cannot change files, and a program that is not a browser has \
                       to send the header `x-requested-with`";
        Err(AppError::Forbidden(message))
    }
}

fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}
