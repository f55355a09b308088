//! The servers that a test registers.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use http::Uri;

use crate::backend::native::pool::lock;
use crate::http::{Request, Response};

/// The response of a server of a test.
pub(in crate::backend::native) type FutureResponse = BoxFuture<'static, Response>;

/// The function that responds to requests.
pub(in crate::backend::native) type Respond = Arc<dyn Fn(Request) -> FutureResponse + Send + Sync>;

/// The servers of one test.
#[derive(Debug, Default)]
pub(in crate::backend::native) struct Servers {
    all: Mutex<Vec<Server>>,
    /// Whether other requests leave the process.
    allows_network: AtomicBool,
}

/// The URIs that are equal to a text or start with it, and the function that responds.
struct Server {
    uri: String,
    is_prefix: bool,
    respond: Respond,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

impl Servers {
    /// Adds a server. `pattern` is a URI, or the start of one and `*`.
    pub(in crate::backend::native) fn add(&self, pattern: &str, respond: Respond) {
        let prefix = pattern.strip_suffix('*');
        let server = Server {
            uri: normalized(prefix.unwrap_or(pattern)),
            is_prefix: prefix.is_some(),
            respond,
        };
        lock(&self.all).push(server);
    }

    /// Returns the function that responds to a request. The last one that was added wins.
    pub(super) fn find(&self, request: &Request) -> Option<Respond> {
        let uri = normalized(&request.uri().to_string());
        let path = uri.split('?').next().unwrap_or_default();
        let all = lock(&self.all);
        let server = all.iter().rev().find(|server| {
            // A pattern without a query matches every query.
            uri == server.uri
                || path == server.uri
                || (server.is_prefix && uri.starts_with(&server.uri))
        })?;
        Some(Arc::clone(&server.respond))
    }

    pub(in crate::backend::native) fn allow_network(&self) {
        self.allows_network.store(true, Ordering::Relaxed);
    }

    pub(super) fn allows_network(&self) -> bool {
        self.allows_network.load(Ordering::Relaxed)
    }
}

/// A URI with a host in lower case, without the default port, and with a path.
#[expect(clippy::panic, reason = "a test fails by panicking")]
fn normalized(uri: &str) -> String {
    let parsed: Option<Uri> = uri.parse().ok();
    let parts = parsed
        .as_ref()
        .and_then(|uri| Some((uri.scheme_str()?, uri.host()?)));
    let (Some(parsed), Some((scheme, host))) = (&parsed, parts) else {
        panic!("`{uri}` is not an absolute URI such as `https://example.com/` or the start of one");
    };

    let host = host.to_ascii_lowercase();
    let default = if scheme == "https" { 443 } else { 80 };
    let port = parsed.port_u16().filter(|port| *port != default);
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = parsed.path_and_query().map_or("/", |path| path.as_str());
    format!("{scheme}://{host}{port}{path}")
}

#[cfg(test)]
mod tests {
    use super::normalized;

    #[test]
    fn equal_uris_have_one_form() {
        for uri in ["https://A.example:443/x", "https://a.example/x"] {
            assert_eq!(normalized(uri), "https://a.example/x");
        }
        assert_eq!(
            normalized("http://a.example:8080"),
            "http://a.example:8080/"
        );
    }
}
