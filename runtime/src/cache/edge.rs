//! The cache of the data center, through the Cache API.

use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use http::header::{AGE, CACHE_CONTROL, EXPIRES, HeaderMap, SET_COOKIE, VARY};
use http::{StatusCode, Uri};

use crate::backend;
use crate::error::{ErrorKind, Failure, Result, Service};
use crate::http::Response;
use crate::observe::{Counts, Gate, Measures};
use crate::time;

/// The longest time for which a response is stored: longer ones are this one.
const MAX_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

const PAGE: &str = "https://developers.cloudflare.com/workers/runtime-apis/cache/";

/// The cache of the data center that runs the worker, which keeps responses by their URL until they
/// expire, or until it needs the space.
///
/// Other data centers have caches of their own, and a response that is deleted remains in those.
/// On `workers.dev` the platform stores nothing. Natively it is in the memory of the process, up to
/// 64 MiB; a test has its own.
///
/// <https://developers.cloudflare.com/workers/runtime-apis/cache/>
///
/// # Examples
/// ```
/// # use bindery::{Request, Response};
/// # async fn render() -> Response { Response::default() }
/// # async fn f(request: Request) -> bindery::Result<Response> {
/// use std::time::Duration;
///
/// use bindery::cache::{CacheControl, EdgeCache};
///
/// let cache = EdgeCache::default();
/// let url = request.uri().to_string();
/// if let Some(response) = cache.get(&url).await? {
///     return Ok(response);
/// }
///
/// let mut response = render().await;
/// CacheControl::public().max_age(Duration::from_secs(60)).apply(&mut response);
/// cache.put(&url, response).await
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct EdgeCache {
    name: Option<String>,
}

impl EdgeCache {
    /// Returns a cache besides the default one, with a name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
        }
    }

    /// Returns the response that is stored for a URL, or `None`.
    ///
    /// # Errors
    /// `InvalidArgument` if the URL is not an absolute one of HTTP.
    pub fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Option<Response>>> {
        Box::pin(async move {
            let work = async {
                let url = check_url(url)?;
                let found = backend::EdgeCache::open(self.name.as_deref())
                    .get(&url)
                    .await?;
                let measures = Measures {
                    hit: Some(found.is_some()),
                    ..Measures::default()
                };
                Ok((found, measures.into()))
            };
            self.gate().pass("get", None, work).await
        })
    }

    /// Stores a response for a URL, until the time that its `Cache-Control` or `Expires` has.
    /// Returns the response, to send it.
    ///
    /// `s-maxage` is for this cache alone, and `max-age` for browsers too.
    ///
    /// # Errors
    /// `InvalidArgument` if the URL is not an absolute one of HTTP, or if the platform would not
    /// store the response: it has no lifetime, sets a cookie, is partial (206), forbids it with
    /// `private`, `no-cache` or `no-store`, or has `Vary: *`.
    pub fn put<'a>(&'a self, url: &'a str, response: Response) -> BoxFuture<'a, Result<Response>> {
        Box::pin(async move {
            let work = async {
                let url = check_url(url)?;
                let lifetime = Lifetime::of(&response)?;
                let cache = backend::EdgeCache::open(self.name.as_deref());
                let response = cache.put(&url, response, lifetime).await?;
                Ok((response, Counts::default()))
            };
            self.gate().pass("put", None, work).await
        })
    }

    /// Deletes the response of a URL in this data center. Returns whether there was one.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn delete<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let work = async {
                let url = check_url(url)?;
                let cache = backend::EdgeCache::open(self.name.as_deref());
                Ok((cache.delete(&url).await?, Counts::default()))
            };
            self.gate().pass("delete", None, work).await
        })
    }

    pub(super) fn gate(&self) -> Gate {
        let name = self.name.clone().unwrap_or_else(|| "default".to_owned());
        Gate::new(Service::EdgeCache, name, backend::current_observers())
    }
}

/// How long a response may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime(pub(crate) Duration);

impl Lifetime {
    fn of(response: &Response) -> Result<Self, Failure> {
        let headers = response.headers();
        let refused = if response.status() == StatusCode::PARTIAL_CONTENT {
            Some("is partial")
        } else if headers.contains_key(SET_COOKIE) {
            Some("sets a cookie")
        } else if directives(headers, VARY.as_str()).any(|name| name == "*") {
            Some("has `Vary: *`")
        } else if forbids(headers) {
            Some("forbids it in its `Cache-Control`")
        } else {
            None
        };
        let lifetime = lifetime(headers);
        match (refused, lifetime) {
            (None, Some(lifetime)) => Ok(Self(lifetime)),
            (None, None) => Err(refusal("has no `max-age`, `s-maxage` or `Expires`")),
            (Some(reason), _) => Err(refusal(reason)),
        }
    }
}

fn refusal(reason: &str) -> Failure {
    let message =
        format!("the platform does not cache the response, because it {reason}; see {PAGE}");
    Failure::new(ErrorKind::InvalidArgument, message)
}

/// The comma-separated parts of a header, in lower case.
fn directives(headers: &HeaderMap, name: &str) -> impl Iterator<Item = String> {
    let lines = headers.get_all(name).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(|part| part.trim().to_ascii_lowercase())
}

fn forbids(headers: &HeaderMap) -> bool {
    directives(headers, CACHE_CONTROL.as_str())
        .any(|part| matches!(&*part, "private" | "no-cache" | "no-store"))
}

/// The time for which a shared cache may keep a response.
fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let age = |name: &str| {
        let mut parts = directives(headers, CACHE_CONTROL.as_str());
        let seconds = parts.find_map(|part| {
            let value = part.strip_prefix(name)?.strip_prefix('=')?;
            value.trim_matches('"').parse().ok()
        });
        seconds.map(Duration::from_secs)
    };
    let expires = || {
        let expires = headers.get(EXPIRES)?.to_str().ok()?;
        let expires: SystemTime = httpdate::parse_http_date(expires).ok()?;
        Some(expires.duration_since(time::now()).unwrap_or_default())
    };
    let lifetime = age("s-maxage")
        .or_else(|| age("max-age"))
        .or_else(expires)?;
    let passed = headers
        .get(AGE)
        .and_then(|age| age.to_str().ok()?.parse().ok());
    let passed = Duration::from_secs(passed.unwrap_or(0));
    Some(lifetime.min(MAX_LIFETIME).saturating_sub(passed))
}

/// Checks that a URL is an absolute one of HTTP, and returns it without its fragment.
fn check_url(url: &str) -> Result<String, Failure> {
    let url = url.split('#').next().unwrap_or_default();
    let parsed: Option<Uri> = url.parse().ok();
    let is_http = parsed.is_some_and(|parsed| {
        matches!(parsed.scheme_str(), Some("http" | "https"))
            && parsed.host().is_some_and(|host| !host.is_empty())
    });
    if is_http {
        return Ok(url.to_owned());
    }
    let message = "the URL of a cached response must be absolute, such as https://example.com/";
    Err(Failure::new(ErrorKind::InvalidArgument, message))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Lifetime;
    use crate::http::{Body, Response};

    fn lifetime(status: u16, headers: &[(&str, &str)]) -> Result<u64, String> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(Body::empty()).unwrap_or_default();
        let lifetime = Lifetime::of(&response).map(|Lifetime(time)| time);
        lifetime
            .map(|time: Duration| time.as_secs())
            .map_err(|failure| failure.message.clone())
    }

    #[test]
    fn lifetimes() {
        let of = |value| lifetime(200, &[("cache-control", value)]);
        assert_eq!(of("max-age=60"), Ok(60));
        assert_eq!(of("public, Max-Age=\"60\", s-maxage=5"), Ok(5));
        assert_eq!(
            lifetime(404, &[("cache-control", "max-age=60"), ("age", "20")]),
            Ok(40)
        );
        assert_eq!(of("max-age=18446744073709551615"), Ok(365 * 24 * 3600));
        let past = ("expires", "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(lifetime(200, &[past]), Ok(0));
        for value in [
            "private, max-age=60",
            "no-store, max-age=60",
            "no-cache",
            "public",
        ] {
            assert!(of(value).is_err(), "{value}");
        }
        let max_age = ("cache-control", "max-age=60");
        assert!(lifetime(206, &[max_age]).is_err());
        assert!(lifetime(200, &[max_age, ("set-cookie", "a=b")]).is_err());
        assert!(lifetime(200, &[max_age, ("vary", "accept, *")]).is_err());
        assert!(lifetime(200, &[]).is_err_and(|message| message.contains("max-age")));
    }
}
