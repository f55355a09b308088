//! Bindings that answer HTTP requests: other workers, static assets, mTLS certificates, VPC
//! services and browsers.
//!
//! <https://developers.cloudflare.com/workers/runtime-apis/fetch/>

use serde_json::Value;

use super::connect_object;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::http::{Body, Request, Response};
use crate::observe::{Counts, Gate, continue_trace};

/// A binding that answers requests.
///
/// Covered: `fetch`. [`call`](Self::call) calls the methods that a worker exports for RPC, with
/// JSON.
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

    /// Sends a request and returns the response.
    ///
    /// A URI without a host receives a fixed one, because most bindings ignore the host.
    ///
    /// # Errors
    /// `Unsupported` natively, because bindery does not simulate this kind. On Workers, any error
    /// that the binding throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(
    /// #     backend: &bindery::fetcher::Fetcher,
    /// #     request: bindery::Request,
    /// # ) -> bindery::Result<()> {
    /// let response: bindery::Response = backend.fetch(request).await?;
    /// # Ok(()) }
    /// ```
    pub async fn fetch(&self, mut request: Request) -> Result<Response> {
        let work = async {
            continue_trace(&mut request);
            let response = self.backend.fetch(request).await?;
            Ok((response, Counts::default()))
        };
        self.gate.pass("fetch", None, work).await
    }

    /// Sends a GET request without a body to a path.
    ///
    /// # Errors
    /// See [`fetch`](Self::fetch). `InvalidArgument` if `path` is not valid.
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
                let message = format!("`{path}` is not a valid path");
                Failure::because(ErrorKind::InvalidArgument, message, error)
            })?;
            let response = self.backend.fetch(request).await?;
            Ok((response, Counts::default()))
        };
        self.gate.pass("fetch", None, work).await
    }

    /// Calls a method that a worker exports for RPC, with JSON arguments, and returns its result as
    /// JSON.
    ///
    /// <https://developers.cloudflare.com/workers/runtime-apis/rpc/>
    ///
    /// # Errors
    /// See [`fetch`](Self::fetch).
    ///
    /// # Examples
    /// ```
    /// # async fn f(calculator: &bindery::fetcher::Fetcher) -> bindery::Result<()> {
    /// let sum: serde_json::Value = calculator.call("add", &[2.into(), 3.into()]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn call(&self, method: &str, arguments: &[Value]) -> Result<Value> {
        let work = async {
            let result = self.backend.call(method, arguments).await?;
            Ok((result, Counts::default()))
        };
        self.gate.pass("call", None, work).await
    }
}
