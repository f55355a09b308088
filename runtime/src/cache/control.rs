//! `Cache-Control`: how long browsers and shared caches keep a response.

use std::fmt::{self, Write};
use std::time::Duration;

use http::HeaderValue;
use http::header::CACHE_CONTROL;

use crate::http::Response;

/// A `Cache-Control` header of a response.
///
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Cache-Control>
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use bindery::Response;
/// use bindery::cache::CacheControl;
///
/// const MINUTE: Duration = Duration::from_secs(60);
///
/// let mut response = Response::default();
/// CacheControl::public()
///     .max_age(MINUTE)
///     .shared_max_age(10 * MINUTE)
///     .stale_while_revalidate(MINUTE)
///     .apply(&mut response);
/// assert_eq!(
///     response.headers()["cache-control"],
///     "public, max-age=60, s-maxage=600, stale-while-revalidate=60"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a header does nothing until it is applied"]
pub struct CacheControl(String);

impl CacheControl {
    /// Every cache may keep the response: browsers, proxies and the cache of the data center.
    pub fn public() -> Self {
        Self("public".to_owned())
    }

    /// Only the browser of the user may keep the response.
    pub fn private() -> Self {
        Self("private".to_owned())
    }

    /// Caches may keep the response, but ask the worker each time whether it is still valid.
    pub fn no_cache() -> Self {
        Self("no-cache".to_owned())
    }

    /// No cache may keep the response.
    pub fn no_store() -> Self {
        Self("no-store".to_owned())
    }

    /// How long the response is fresh. A fraction of a second is ignored.
    pub fn max_age(self, age: Duration) -> Self {
        self.seconds("max-age", age)
    }

    /// How long the response is fresh in shared caches, such as that of the data center.
    pub fn shared_max_age(self, age: Duration) -> Self {
        self.seconds("s-maxage", age)
    }

    /// How long a cache may use the response afterwards while it asks for a new one.
    pub fn stale_while_revalidate(self, age: Duration) -> Self {
        self.seconds("stale-while-revalidate", age)
    }

    /// How long a cache may use the response afterwards if the worker fails.
    pub fn stale_if_error(self, age: Duration) -> Self {
        self.seconds("stale-if-error", age)
    }

    /// The content of the URL never changes, so a browser need not ask again on a reload.
    pub fn immutable(self) -> Self {
        self.part("immutable")
    }

    /// A cache must not use the response after it was fresh, not even without a connection.
    pub fn must_revalidate(self) -> Self {
        self.part("must-revalidate")
    }

    /// Sets the header of a response.
    pub fn apply(&self, response: &mut Response) {
        response.headers_mut().insert(CACHE_CONTROL, self.into());
    }

    fn seconds(mut self, name: &str, age: Duration) -> Self {
        let _ = write!(self.0, ", {name}={}", age.as_secs());
        self
    }

    fn part(mut self, name: &str) -> Self {
        let _ = write!(self.0, ", {name}");
        self
    }
}

impl fmt::Display for CacheControl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&CacheControl> for HeaderValue {
    fn from(control: &CacheControl) -> Self {
        // The text is ASCII.
        Self::from_str(&control.0).unwrap_or_else(|_| Self::from_static("no-store"))
    }
}
