//! Workers for Platforms: the workers of a dispatch namespace, by name.
//!
//! <https://developers.cloudflare.com/cloudflare-for-platforms/workers-for-platforms/>

use serde_json::{Value, json};

use super::connect_object;
use crate::backend;
use crate::error::Result;
use crate::fetcher::Fetcher;
use crate::observe::{Gate, Measures};

/// A dispatch namespace.
///
/// Covered: `get` with arguments for an outbound worker, and limits.
#[derive(Debug, Clone)]
pub struct DispatchNamespace {
    gate: Gate,
    backend: backend::Object,
}

/// What one call of a user's worker may take. `None` is the namespace's own limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DispatchLimits {
    /// Milliseconds of processor time.
    pub cpu_ms: Option<u32>,
    /// Requests that it may make itself.
    pub subrequests: Option<u32>,
}

connect_object!(Dispatch, DispatchNamespace);

impl DispatchNamespace {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// The worker of a name; `arguments` are what the outbound worker sees as its environment.
    ///
    /// # Errors
    /// `Unsupported` natively. A name that no worker has is told when the worker is called.
    ///
    /// # Examples
    /// ```
    /// # async fn f(tenants: &bindery::dispatch::DispatchNamespace, request: bindery::Request) -> bindery::Result<()> {
    /// use bindery::dispatch::DispatchLimits;
    /// let limits = DispatchLimits { cpu_ms: Some(50), ..DispatchLimits::default() };
    /// let tenant = tenants.get("ann", &serde_json::json!({}), limits).await?;
    /// let answer = tenant.fetch(request).await?;
    /// # Ok(()) }
    /// ```
    pub async fn get(
        &self,
        name: &str,
        arguments: &Value,
        limits: DispatchLimits,
    ) -> Result<Fetcher> {
        let work = async {
            let mut bounds = serde_json::Map::new();
            bounds.extend(
                limits
                    .cpu_ms
                    .map(|limit| ("cpuMs".to_owned(), limit.into())),
            );
            bounds.extend(
                limits
                    .subrequests
                    .map(|limit| ("subRequests".to_owned(), limit.into())),
            );
            let worker = self
                .backend
                .object(
                    "get",
                    &[name.into(), arguments.clone(), json!({ "limits": bounds })],
                )
                .await?;
            Ok((Fetcher::new(self.gate.clone(), worker), Measures::default()))
        };
        self.gate.pass("get", None, work).await
    }
}
