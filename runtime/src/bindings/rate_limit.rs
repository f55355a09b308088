//! Rate limits: how often a key may occur in 10 or 60 seconds.
//!
//! <https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/>

use serde_json::{Value, json};

use super::connect_object;
use crate::backend;
use crate::error::Result;
use crate::observe::{Counts, Gate};

/// A rate limiter. The manifest declares its limit and its period.
///
/// Natively, calls are counted per process; on Workers, per Cloudflare location.
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

    /// Counts one call for `key`, and reports whether the key is still within the limit.
    ///
    /// # Errors
    /// On Workers, any error that the binding throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(limiter: &bindery::rate_limit::RateLimiter) -> bindery::Result<()> {
    /// if !limiter.limit("ann").await? {
    ///     // Respond with 429 Too Many Requests.
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn limit(&self, key: &str) -> Result<bool> {
        let work = async {
            let outcome = self.backend.call("limit", &[json!({ "key": key })]).await?;
            let success = outcome.get("success").and_then(Value::as_bool);
            let within = success.unwrap_or(false);

            Ok((within, Counts::default()))
        };
        self.gate.pass("limit", None, work).await
    }
}
