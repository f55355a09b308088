//! The cache of the data center: responses in the memory of the process, or of a test.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{AGE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

use super::clock::now;
use super::pool::lock;
use super::{read_body, world};
use crate::cache::Lifetime;
use crate::error::Failure;
use crate::http::{Body, Response};

/// The bytes of all bodies.
const MAX_BYTES: usize = 64 * 1024 * 1024;

const STATUS: HeaderName = HeaderName::from_static("cf-cache-status");

/// The responses of all caches: by the name of the cache and the URL.
#[derive(Debug, Default)]
pub(super) struct Stored(BTreeMap<(String, String), Entry>);

#[derive(Debug)]
struct Entry {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    stored: SystemTime,
    expires: SystemTime,
}

/// A cache.
pub(crate) struct EdgeCache {
    name: String,
    stored: Arc<Mutex<Stored>>,
}

impl EdgeCache {
    /// Returns the cache with a name, or the default one.
    pub(crate) fn open(name: Option<&str>) -> Self {
        static PROCESS: LazyLock<Arc<Mutex<Stored>>> = LazyLock::new(Arc::default);

        Self {
            name: name.map_or_else(String::new, |name| format!("named {name}")),
            stored: match world::current() {
                Some(world) => Arc::clone(&world.edge_cache),
                None => Arc::clone(&PROCESS),
            },
        }
    }

    fn key(&self, url: &str) -> (String, String) {
        (self.name.clone(), url.to_owned())
    }

    #[expect(clippy::unused_async, reason = "the platform answers later")]
    pub(crate) async fn get(&self, url: &str) -> Result<Option<Response>, Failure> {
        let now = now();
        let mut stored = lock(&self.stored);
        let key = self.key(url);
        let Some(entry) = stored.0.get(&key).filter(|entry| entry.expires > now) else {
            stored.0.remove(&key);
            return Ok(None);
        };

        let mut response = Response::new(Body::from(entry.body.clone()));
        *response.status_mut() = entry.status;
        *response.headers_mut() = entry.headers.clone();
        let age = now.duration_since(entry.stored).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(AGE, HeaderValue::from(age.as_secs()));
        headers.insert(STATUS, HeaderValue::from_static("HIT"));
        Ok(Some(response))
    }

    pub(crate) async fn put(
        &self,
        url: &str,
        response: Response,
        Lifetime(lifetime): Lifetime,
    ) -> Result<Response, Failure> {
        let (parts, body) = response.into_parts();
        let body = read_body(body).await?;
        let mut response = Response::new(Body::from(body.clone()));
        *response.status_mut() = parts.status;
        *response.headers_mut() = parts.headers.clone();

        let stored_at = now();
        let entry = Entry {
            status: parts.status,
            headers: parts.headers,
            body,
            stored: stored_at,
            expires: stored_at + lifetime,
        };
        lock(&self.stored).insert(self.key(url), entry, stored_at);
        Ok(response)
    }

    #[expect(clippy::unused_async, reason = "the platform answers later")]
    pub(crate) async fn delete(&self, url: &str) -> Result<bool, Failure> {
        let removed = lock(&self.stored).0.remove(&self.key(url));
        Ok(removed.is_some_and(|entry| entry.expires > now()))
    }
}

impl Stored {
    /// Adds a response, and removes those that have expired, or that were stored first if there is
    /// no space.
    fn insert(&mut self, key: (String, String), entry: Entry, now: SystemTime) {
        self.0.remove(&key);
        let mut bytes: usize = self.0.values().map(|entry| entry.body.len()).sum();
        if bytes + entry.body.len() > MAX_BYTES {
            self.0.retain(|_, entry| entry.expires > now);
            bytes = self.0.values().map(|entry| entry.body.len()).sum();
        }
        while bytes + entry.body.len() > MAX_BYTES {
            let oldest = self.0.iter().min_by_key(|(_, entry)| entry.stored);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                // It is larger than the cache.
                return;
            };
            let removed = self.0.remove(&oldest);
            bytes -= removed.map_or(0, |entry| entry.body.len());
        }
        self.0.insert(key, entry);
    }
}
