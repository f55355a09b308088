//! What a service on the web needs: sessions, tokens, rate limits, checked input, an audit log, and
//! protection against other sites.

#[cfg(feature = "audit")]
mod audit;
#[cfg(feature = "protection")]
mod cross_origin;
#[cfg(feature = "jwt")]
mod jwt;
#[cfg(feature = "rate-limits")]
mod object_limit;
#[cfg(feature = "rate-limits")]
mod rate_limit;
#[cfg(feature = "protection")]
mod secure_headers;
#[cfg(feature = "sessions")]
mod sessions;
#[cfg(feature = "validation")]
mod valid;

#[cfg(feature = "audit")]
pub use audit::{AuditEntry, AuditOutcome};
#[cfg(feature = "protection")]
pub use cross_origin::{CrossOriginProtection, CrossOriginService};
#[cfg(feature = "jwt")]
pub use jwt::{Bearer, JwtVerifier, TokenError};
#[cfg(feature = "rate-limits")]
pub use object_limit::{LimitClient, LimitObject, ObjectLimit};
#[cfg(feature = "rate-limits")]
pub use rate_limit::{Decision, KvLimit, RateLimit, RateLimitLayer, RateLimitService};
#[cfg(feature = "protection")]
pub use secure_headers::{SecureHeaders, SecureHeadersFuture, SecureHeadersService};
#[cfg(feature = "sessions")]
pub use sessions::{Session, Sessions};
#[cfg(feature = "validation")]
pub use valid::{Valid, ValidRejection};
