//! What is called by HTTP requests: other workers, static assets, mTLS, VPC services, a browser.
//!
//! <https://developers.cloudflare.com/workers/runtime-apis/fetch/>

use super::connect_object;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::http::{Body, Request, Response};
use crate::observe::{Gate, Measures};

/// A binding that answers requests.
///
/// Covered: `fetch`. Methods that a worker exports for RPC are called through [`call`](Self::call), with JSON.
#[derive(Debug, Clone)]
pub struct Fetcher {
    gate: Gate,
    backend: backend::Object,
}

connect_object!(Fetcher, Fetcher);

impl Fetcher {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Sends a request and gives the response. A URI without a host gets one: most bindings do not look at it.
    ///
    /// # Errors
    /// `Unsupported` natively: nothing there stands in for this kind. On Workers, whatever the binding throws.
    pub async fn fetch(&self, request: Request) -> Result<Response> {
        self.gate
            .pass("fetch", None, async {
                Ok((self.backend.fetch(request).await?, Measures::default()))
            })
            .await
    }

    /// Asks for a path: a GET request without a body.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch); `InvalidArgument` for what is no path.
    ///
    /// # Examples
    /// ```
    /// # async fn f(assets: &bindery::fetcher::Fetcher) -> bindery::Result<()> {
    /// let page: bindery::Response = assets.get("/index.html").await?;
    /// # Ok(()) }
    /// ```
    pub async fn get(&self, path: &str) -> Result<Response> {
        let request = http::Request::builder().uri(path).body(Body::empty());
        let work = async {
            let request = request.map_err(|error| {
                Failure::because(
                    ErrorKind::InvalidArgument,
                    format!("`{path}` is no path"),
                    error,
                )
            })?;
            Ok((self.backend.fetch(request).await?, Measures::default()))
        };
        self.gate.pass("fetch", None, work).await
    }

    /// Calls a method that a worker exports, with JSON values.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn call(
        &self,
        method: &str,
        arguments: &[serde_json::Value],
    ) -> Result<serde_json::Value> {
        self.gate
            .pass("call", None, async {
                Ok((
                    self.backend.call(method, arguments).await?,
                    Measures::default(),
                ))
            })
            .await
    }
}
