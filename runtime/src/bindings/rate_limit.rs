//! Rate limits: how often a key may come in 10 or 60 seconds.
//!
//! <https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/>

use serde_json::json;

use super::connect_object;
use crate::backend;
use crate::error::Result;
use crate::observe::{Gate, Measures};

/// A rate limiter: its limit and period stand in the manifest.
///
/// Natively the counts are those of this process; on Workers they are those of the data centre.
#[derive(Debug, Clone)]
pub struct RateLimiter {
    gate: Gate,
    backend: backend::Object,
}

connect_object!(RateLimit, RateLimiter);

impl RateLimiter {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Counts one for `key`, and says whether it is still within the limit.
    ///
    /// # Errors
    /// On Workers, whatever the binding throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(limiter: &bindery::rate_limit::RateLimiter) -> bindery::Result<()> {
    /// if !limiter.limit("ann").await? {
    ///     // 429 Too Many Requests
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn limit(&self, key: &str) -> Result<bool> {
        let work = async {
            let outcome = self.backend.call("limit", &[json!({ "key": key })]).await?;
            let within = outcome
                .get("success")
                .and_then(serde_json::Value::as_bool)
                .unwrap_or(false);
            Ok((
                within,
                Measures {
                    hit: Some(within),
                    ..Measures::default()
                },
            ))
        };
        self.gate.pass("limit", None, work).await
    }
}
