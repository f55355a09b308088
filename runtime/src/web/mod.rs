//! What a service on the web needs: sessions and rate limits.

#[cfg(feature = "rate-limits")]
mod rate_limit;
#[cfg(feature = "sessions")]
mod sessions;

#[cfg(feature = "rate-limits")]
pub use rate_limit::{Decision, KvLimit, RateLimit, RateLimitLayer, RateLimitService};
#[cfg(feature = "sessions")]
pub use sessions::{Session, Sessions};
