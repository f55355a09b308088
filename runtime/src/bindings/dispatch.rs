//! Workers for Platforms: the workers of a dispatch namespace, by name.
//!
//! <https://developers.cloudflare.com/cloudflare-for-platforms/workers-for-platforms/>

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::connect_object;
use crate::backend;
use crate::error::Result;
use crate::fetcher::Fetcher;
use crate::observe::{Counts, Gate};

/// A dispatch namespace.
///
/// Covered: `get` with arguments for an outbound worker, and limits.
#[derive(Debug, Clone)]
pub struct DispatchNamespace {
    gate: Gate,
    backend: backend::Object,
}

/// The limits of one call of a user's worker. `None` is the limit of the namespace.
///
/// <https://developers.cloudflare.com/cloudflare-for-platforms/workers-for-platforms/configuration/custom-limits/>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DispatchLimits {
    /// The maximum CPU time, rounded up to whole milliseconds.
    pub cpu_time: Option<Duration>,
    /// The maximum number of requests that the worker can send.
    pub subrequests: Option<u32>,
}

connect_object!(Dispatch, DispatchNamespace);

impl DispatchNamespace {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Returns the worker with a name.
    ///
    /// The outbound worker receives `arguments` as its environment.
    ///
    /// # Errors
    /// `Unsupported` natively. If no worker has the name, calling the returned worker fails.
    ///
    /// # Examples
    /// ```
    /// # async fn f(
    /// #     tenants: &bindery::dispatch::DispatchNamespace,
    /// #     request: bindery::Request,
    /// # ) -> bindery::Result<()> {
    /// use std::time::Duration;
    ///
    /// use bindery::dispatch::DispatchLimits;
    ///
    /// let limits = DispatchLimits {
    ///     cpu_time: Some(Duration::from_millis(50)),
    ///     ..DispatchLimits::default()
    /// };
    /// let tenant = tenants.get("ann", &serde_json::json!({}), limits).await?;
    /// let response = tenant.fetch(request).await?;
    /// # Ok(()) }
    /// ```
    pub async fn get(
        &self,
        name: &str,
        arguments: &Value,
        limits: DispatchLimits,
    ) -> Result<Fetcher> {
        let work = async {
            let options = json!({ "limits": encode_limits(limits) });
            let arguments = [name.into(), arguments.clone(), options];
            let worker = self.backend.object("get", &arguments).await?;
            Ok((Fetcher::new(self.gate.clone(), worker), Counts::default()))
        };
        self.gate.pass("get", None, work).await
    }
}

/// Encodes the limits that are set.
fn encode_limits(limits: DispatchLimits) -> Map<String, Value> {
    let mut encoded = Map::new();
    if let Some(cpu_time) = limits.cpu_time {
        let milliseconds = cpu_time.as_nanos().div_ceil(1_000_000);
        let milliseconds = u32::try_from(milliseconds).unwrap_or(u32::MAX);
        encoded.insert("cpuMs".to_owned(), milliseconds.into());
    }
    if let Some(subrequests) = limits.subrequests {
        encoded.insert("subRequests".to_owned(), subrequests.into());
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_rounded_up_to_whole_milliseconds() {
        let limits = DispatchLimits {
            cpu_time: Some(Duration::from_micros(1_001)),
            subrequests: None,
        };
        assert_eq!(Value::Object(encode_limits(limits)), json!({ "cpuMs": 2 }));
    }
}
