//! The caches that a value can be in, one behind the other.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use http::header::{CACHE_CONTROL, HeaderValue};
use http_body_util::BodyExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::EdgeCache;
use crate::d1::{D1, DecodeError, FromRow, NamedRow, Row};
use crate::error::{ErrorKind, Failure, Result};
use crate::http::{Body, Response};
use crate::kv::Core;
use crate::time;

/// The longest time for which a value is stored: a thousand years.
const MAX_TTL_SECONDS: u64 = 1000 * 366 * 24 * 3600;

/// One cache.
#[derive(Debug, Clone)]
pub(super) enum Tier {
    /// The cache of the data center, and the start of the URLs.
    Edge(EdgeCache, String),
    Kv(Core),
    /// A table.
    D1(D1, String),
}

impl Tier {
    /// The name in events.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Edge(..) => "edge",
            Self::Kv(_) => "kv",
            Self::D1(..) => "d1",
        }
    }

    /// Whether every data center sees its values.
    pub(super) fn is_shared(&self) -> bool {
        !matches!(self, Self::Edge(..))
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<String>> {
        match self {
            Self::Edge(cache, base) => {
                let Some(response) = cache.get(&url(base, key)).await? else {
                    return Ok(None);
                };

                let body = response.into_body().collect().await;
                let bytes = body.map_err(|error| {
                    let message = format!("the cached value cannot be read: {error}");
                    let failure = Failure::new(ErrorKind::Unavailable, message);
                    cache.gate().failed("get", failure)
                })?;
                Ok(String::from_utf8(bytes.to_bytes().into()).ok())
            }
            Self::Kv(namespace) => namespace.text(key).await,
            Self::D1(database, table) => {
                let sql = format!("SELECT value FROM {table} WHERE key = ?1 AND expires > ?2");
                let query = database.unchecked(sql).named("cache_get");
                let found = query.bind(key).bind(seconds()).optional::<Found>().await?;
                Ok(found.map(|Found(value)| value))
            }
        }
    }

    pub(super) async fn put(&self, key: &str, text: &str, ttl: Duration) -> Result<()> {
        // A fraction of a second would be no time at all, and D1 stores no integers over 2^53.
        let ttl_seconds = ttl.as_secs().clamp(1, MAX_TTL_SECONDS);

        match self {
            Self::Edge(cache, base) => {
                let mut response = Response::new(Body::from(text.to_owned()));
                let lifetime = format!("max-age={ttl_seconds}");
                if let Ok(lifetime) = HeaderValue::try_from(lifetime) {
                    response.headers_mut().insert(CACHE_CONTROL, lifetime);
                }
                cache.put(&url(base, key), response).await?;
                Ok(())
            }
            Self::Kv(namespace) => namespace.put_text(key, text, Some(ttl)).await,
            Self::D1(database, table) => {
                let sql = format!(
                    "INSERT INTO {table} (key, value, expires) VALUES (?1, ?2, ?3) ON CONFLICT \
                     (key) DO UPDATE SET value = excluded.value, expires = excluded.expires"
                );
                let query = database.unchecked(sql).named("cache_put");
                let expires = seconds().saturating_add_unsigned(ttl_seconds);
                query.bind(key).bind(text).bind(expires).execute().await?;
                Ok(())
            }
        }
    }

    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        match self {
            Self::Edge(cache, base) => cache.delete(&url(base, key)).await.map(|_| ()),
            Self::Kv(namespace) => namespace.delete(key).await,
            Self::D1(database, table) => {
                let sql = format!("DELETE FROM {table} WHERE key = ?1");
                let query = database.unchecked(sql).named("cache_delete");
                query.bind(key).execute().await.map(|_| ())
            }
        }
    }

    /// Deletes what has expired and is not deleted by itself.
    pub(super) async fn clean_up(&self) -> Result<u64> {
        let Self::D1(database, table) = self else {
            return Ok(0);
        };
        let sql = format!("DELETE FROM {table} WHERE expires <= ?1");
        let query = database.unchecked(sql).named("cache_clean_up");
        Ok(query.bind(seconds()).execute().await?.rows)
    }
}

/// The URL of a key in the cache of the data center.
fn url(base: &str, key: &str) -> String {
    let mut url = base.trim_end_matches('/').to_owned();
    let _ = write!(url, "/{}", utf8_percent_encode(key, NON_ALPHANUMERIC));
    url
}

/// The seconds since the Unix epoch.
fn seconds() -> i64 {
    let now = time::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// A value in a table.
struct Found(String);

impl FromRow for Found {
    fn from_row(row: &mut Row<'_>) -> Result<Self, DecodeError> {
        Ok(Self(row.take(0)?))
    }
}

impl NamedRow for Found {
    const COLUMNS: &'static [&'static str] = &["value"];
}
