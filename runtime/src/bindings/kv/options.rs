//! The options of KV operations.

use std::time::{Duration, SystemTime};

/// The options of a get.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use bindery::kv::GetOptions;
///
/// let options = GetOptions::default().cache_ttl(Duration::from_secs(300));
/// assert_eq!(options.cache_ttl, Some(Duration::from_secs(300)));
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct GetOptions {
    /// The time for which a Cloudflare location may return its cached value: at least 30 seconds.
    /// `None` is the cache TTL of the key.
    pub cache_ttl: Option<Duration>,
}

impl GetOptions {
    /// Allows a Cloudflare location to return its cached value for `ttl`: at least 30 seconds.
    ///
    /// A fraction of a second is ignored.
    ///
    /// <https://developers.cloudflare.com/kv/api/read-key-value-pairs/#cachettl-parameter>
    #[must_use]
    pub fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = Some(ttl);
        self
    }
}

/// When a value expires.
///
/// <https://developers.cloudflare.com/kv/api/write-key-value-pairs/#expiring-keys>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiration {
    /// Never.
    Never,
    /// After a time: at least 60 seconds. A fraction of a second is ignored.
    After(Duration),
    /// At a point in time that is at least 60 seconds away. A fraction of a second is ignored.
    At(SystemTime),
}

/// The options of a put. `M` is the type of the key's metadata.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use bindery::kv::{Expiration, PutOptions};
///
/// let options = PutOptions::default()
///     .ttl(Duration::from_secs(3600))
///     .metadata(serde_json::json!({ "owner": "ann" }));
/// let expected = Expiration::After(Duration::from_secs(3600));
/// assert_eq!(options.expiration, Some(expected));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PutOptions<M> {
    /// When the value expires. `None` is the TTL of the key.
    pub expiration: Option<Expiration>,
    /// Stored with the key, as JSON of at most 1024 bytes, which lists return.
    pub metadata: Option<M>,
}

impl<M> Default for PutOptions<M> {
    fn default() -> Self {
        Self {
            expiration: None,
            metadata: None,
        }
    }
}

impl<M> PutOptions<M> {
    /// Stores the value for `ttl`: at least 60 seconds.
    ///
    /// A fraction of a second is ignored.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.expiration = Some(Expiration::After(ttl));
        self
    }

    /// Stores the value until `time`, which is at least 60 seconds away.
    ///
    /// A fraction of a second is ignored.
    #[must_use]
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.expiration = Some(Expiration::At(time));
        self
    }

    /// Stores the value without an expiration, although the key has a TTL.
    #[must_use]
    pub fn no_expiration(mut self) -> Self {
        self.expiration = Some(Expiration::Never);
        self
    }

    /// Stores metadata of at most 1024 bytes as JSON with the key, which lists return.
    ///
    /// <https://developers.cloudflare.com/kv/api/write-key-value-pairs/#metadata>
    #[must_use]
    pub fn metadata(mut self, metadata: M) -> Self {
        self.metadata = Some(metadata);
        self
    }
}
