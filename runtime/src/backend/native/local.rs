//! Requests that only the developer on this machine may send.

use std::net::{IpAddr, SocketAddr};

use http::StatusCode;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::Authority;

use crate::http::{Body, Response};

/// Fails if the client is on another machine, or a browser sends the request for another web site.
pub(super) fn check(request: &Parts) -> Result<(), &'static str> {
    let headers = &request.headers;
    let peer = request.extensions.get::<SocketAddr>();
    if !peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback()) {
        return Err("only responds to clients on the same machine");
    }

    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    let authority = authority.as_ref().or_else(|| request.uri.authority());
    if !authority.is_some_and(|authority| is_local(authority.host())) {
        return Err("only responds at localhost, 127.0.0.1 or [::1]");
    }

    // A proxy on this machine connects from here for clients on other machines.
    let forwarded = ["forwarded", "via", "x-forwarded-for", "x-real-ip", "cf-ray"];
    if forwarded.iter().any(|name| headers.contains_key(*name)) {
        return Err("does not respond through a proxy");
    }

    let site = headers.get(HeaderName::from_static("sec-fetch-site"));
    match site.map(HeaderValue::as_bytes) {
        None | Some(b"none" | b"same-origin") => Ok(()),
        Some(_) => Err("does not respond to requests of other web sites"),
    }
}

fn is_local(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = |address: IpAddr| address.is_loopback();
    host.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(is_loopback)
}

/// A response with a text.
pub(super) fn answer(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text + "\n"));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
