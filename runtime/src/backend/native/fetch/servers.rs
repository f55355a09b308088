//! The servers that a test registers.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

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
            uri: prefix.unwrap_or(pattern).to_owned(),
            is_prefix: prefix.is_some(),
            respond,
        };
        lock(&self.all).push(server);
    }

    /// Returns the function that responds to a request. The last one that was added wins.
    pub(super) fn find(&self, request: &Request) -> Option<Respond> {
        let uri = request.uri().to_string();
        let all = lock(&self.all);
        let server = all.iter().rev().find(|server| {
            uri == server.uri || (server.is_prefix && uri.starts_with(&server.uri))
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
