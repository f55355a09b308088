//! The calls of a namespace, without the types of its keys: compiled once, in this crate.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, TryStreamExt};

use super::options::Expiration;
use crate::backend;
use crate::bindings::content::{Content, Upload};
use crate::error::{ErrorKind, Failure, Result};
use crate::http::Body;
use crate::limits;
use crate::observe::{Counts, Gate, Measures};
use crate::time;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The calls to a namespace at the same time: the connections of one request on Workers.
const CONCURRENT_CALLS: usize = 6;

/// A value as it is stored, with its metadata as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) value: Vec<u8>,
    pub(crate) metadata: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub(crate) keys: Vec<StoredKey>,
    pub(crate) cursor: Option<String>,
}

/// A key in a list.
#[derive(Debug, Clone)]
pub(crate) struct StoredKey {
    pub(crate) name: String,
    /// In seconds since the Unix epoch.
    pub(crate) expiration: Option<u64>,
    pub(crate) metadata: Option<String>,
}

/// Decodes a value that a call returned. The first argument is its position among the names.
pub(crate) type Sink<'s> = &'s mut (dyn FnMut(usize, Stored) -> Result<(), Failure> + Send);

/// What a put stores besides the value.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) expiration: Expiration,
    pub(super) metadata: Result<Option<String>, Failure>,
}

#[derive(Debug, Clone)]
pub(crate) struct Core {
    pub(super) gate: Gate,
    pub(super) backend: backend::Kv,
}

impl Core {
    #[cfg(feature = "query-cache")]
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Gets a text; bytes that are not UTF-8 are as good as none.
    pub(crate) async fn text(&self, name: &str) -> Result<Option<String>> {
        let mut text = None;
        let mut sink = |_: usize, stored: Stored| {
            text = String::from_utf8(stored.value).ok();
            Ok(())
        };
        self.get(name, None, &mut sink).await?;
        Ok(text)
    }

    /// Puts a text that KV keeps for at least a time.
    pub(crate) async fn put_text(
        &self,
        name: &str,
        text: &str,
        ttl: Option<Duration>,
    ) -> Result<()> {
        let shortest = Duration::from_secs(limits::kv::MIN_TTL_SECONDS);
        let put = Put {
            expiration: match ttl {
                Some(ttl) => Expiration::After(ttl.max(shortest)),
                None => Expiration::Never,
            },
            metadata: Ok(None),
        };
        let value = Cow::Borrowed(text.as_bytes());
        self.put(name, Ok(value), put).await
    }

    pub(crate) async fn get(
        &self,
        name: &str,
        cache_ttl: Option<Duration>,
        sink: Sink<'_>,
    ) -> Result<()> {
        let work = async {
            check_get(name, cache_ttl)?;
            let value = self.backend.get(name, cache_ttl).await?;
            let measures = read_measures(value.as_ref().map(Vec::len));
            if let Some(value) = value {
                let metadata = None;
                sink(0, Stored { value, metadata })?;
            }
            Ok(((), measures))
        };
        self.gate.pass("get", None, work).await
    }

    pub(super) async fn get_with_metadata(
        &self,
        name: &str,
        cache_ttl: Option<Duration>,
        sink: Sink<'_>,
    ) -> Result<()> {
        let work = async {
            check_get(name, cache_ttl)?;
            let stored = self.backend.get_with_metadata(name, cache_ttl).await?;
            let measures = read_measures(stored.as_ref().map(|stored| stored.value.len()));
            if let Some(stored) = stored {
                sink(0, stored)?;
            }
            Ok(((), measures))
        };
        self.gate.pass("get_with_metadata", None, work).await
    }

    /// Gets the values of any number of names, up to 100 of them with one call.
    pub(crate) async fn get_many(
        &self,
        names: &[String],
        cache_ttl: Option<Duration>,
        is_text: bool,
        sink: Sink<'_>,
    ) -> Result<()> {
        for (index, names) in names.chunks(limits::kv::BULK_KEYS).enumerate() {
            let first = index * limits::kv::BULK_KEYS;
            let work = async {
                for name in names {
                    check_get(name, cache_ttl)?;
                }
                let found = if is_text {
                    self.get_texts(names, cache_ttl).await?
                } else {
                    self.get_each(names, cache_ttl).await?
                };

                let found = found.into_iter().enumerate();
                let found = found.filter_map(|(index, stored)| Some((first + index, stored?)));
                let mut measures = Measures {
                    count: Some(0),
                    bytes: Some(0),
                    operations: Some(names.len() as u64),
                    ..Measures::default()
                };
                for (index, stored) in found {
                    measures.count = measures.count.map(|count| count + 1);
                    let length = stored.value.len() as u64;
                    measures.bytes = measures.bytes.map(|bytes| bytes + length);
                    if let Err(failure) = sink(index, stored) {
                        return Err(failure.with(measures.into()));
                    }
                }
                Ok(((), measures.into()))
            };
            self.gate.pass("get_many", None, work).await?;
        }
        Ok(())
    }

    /// Gets up to 100 texts with one call.
    async fn get_texts(
        &self,
        names: &[String],
        cache_ttl: Option<Duration>,
    ) -> Result<Vec<Option<Stored>>, Failure> {
        let mut found = match self.backend.get_many(names, cache_ttl).await {
            // The platform returns up to 25 MiB with one call.
            Err(failure) if failure.kind == ErrorKind::TooLarge => {
                return self.get_each(names, cache_ttl).await;
            }
            found => found?,
        };

        // Bytes that are not UTF-8 became U+FFFD.
        for (name, stored) in names.iter().zip(&mut found) {
            let is_changed = |stored: &Stored| {
                let value = &stored.value;
                value.windows(3).any(|bytes| bytes == "\u{FFFD}".as_bytes())
            };
            if stored.as_ref().is_some_and(is_changed) {
                *stored = self.backend.get_with_metadata(name, cache_ttl).await?;
            }
        }
        Ok(found)
    }

    /// Gets each value with a call of its own.
    async fn get_each(
        &self,
        names: &[String],
        cache_ttl: Option<Duration>,
    ) -> Result<Vec<Option<Stored>>, Failure> {
        let calls: Vec<_> = names
            .iter()
            .map(|name| self.backend.get_with_metadata(name, cache_ttl))
            .collect();
        let calls = futures_util::stream::iter(calls).buffered(CONCURRENT_CALLS);
        calls.try_collect().await
    }

    pub(super) async fn get_body(
        &self,
        name: &str,
        cache_ttl: Option<Duration>,
    ) -> Result<Option<Body>> {
        let work = async {
            check_get(name, cache_ttl)?;
            let body = self.backend.get_body(name, cache_ttl).await?;
            let measures = Measures {
                hit: Some(body.is_some()),
                ..Measures::default()
            };
            Ok((body, measures.into()))
        };
        self.gate.pass("get", None, work).await
    }

    pub(super) async fn put(
        &self,
        name: &str,
        value: Result<Cow<'_, [u8]>, BoxError>,
        put: Put,
    ) -> Result<()> {
        let work = async {
            let value = value.map_err(|error| {
                let message = format!("the value of `{name}` cannot be encoded: {error}");
                Failure::because(ErrorKind::InvalidArgument, message, error)
            })?;
            let (expiration, metadata) = check_put(name, put)?;
            limits::bytes(
                "the value",
                value.len(),
                limits::kv::VALUE_BYTES,
                limits::kv::PAGE,
            )?;

            let metadata = metadata.as_deref();
            let put = self.backend.put(name, &value, expiration, metadata);
            put.await?;
            Ok(((), written(value.len() as u64)))
        };
        self.gate.pass("put", None, work).await
    }

    pub(super) async fn put_body(&self, name: &str, content: Content<'_>, put: Put) -> Result<()> {
        let work = async {
            let (expiration, metadata) = check_put(name, put)?;
            let upload = Upload::new(content, Some(limits::kv::VALUE_BYTES as u64))?;
            let metadata = metadata.as_deref();
            let put = self.backend.put_body(name, upload, expiration, metadata);
            Ok(((), written(put.await?)))
        };
        self.gate.pass("put", None, work).await
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        let work = async {
            limits::kv_key(name)?;
            self.backend.delete(name).await?;
            Ok(((), Counts::default()))
        };
        self.gate.pass("delete", None, work).await
    }

    pub(super) async fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Listing> {
        let work = async {
            let limit = limits::list_limit(limit, limits::kv::LIST_KEYS, limits::kv::PAGE)?;
            limits::bytes(
                "the prefix",
                prefix.len(),
                limits::kv::KEY_BYTES,
                limits::kv::PAGE,
            )?;
            let listing = self.backend.list(prefix, cursor, limit).await?;
            let measures = Measures {
                count: Some(listing.keys.len() as u64),
                ..Measures::default()
            };
            Ok((listing, measures.into()))
        };
        self.gate.pass("list", None, work).await
    }
}

fn check_get(name: &str, cache_ttl: Option<Duration>) -> Result<(), Failure> {
    limits::kv_key(name)?;
    match cache_ttl {
        Some(ttl) => check_seconds(
            "the cache TTL",
            ttl.as_secs(),
            limits::kv::MIN_CACHE_TTL_SECONDS,
        ),
        None => Ok(()),
    }
}

fn check_put(name: &str, put: Put) -> Result<(Expiration, Option<String>), Failure> {
    limits::kv_key(name)?;
    let metadata = put.metadata?;
    limits::bytes(
        "the metadata",
        metadata.as_ref().map_or(0, String::len),
        limits::kv::METADATA_BYTES,
        limits::kv::PAGE,
    )?;

    let min_seconds = limits::kv::MIN_TTL_SECONDS;
    match put.expiration {
        Expiration::Never => {}
        Expiration::After(ttl) => check_seconds("the TTL", ttl.as_secs(), min_seconds)?,
        Expiration::At(end) => {
            let seconds = seconds_of(end).saturating_sub(seconds_of(time::now()));
            check_seconds("the time to the expiration", seconds, min_seconds)?;
        }
    }
    Ok((put.expiration, metadata))
}

fn check_seconds(noun: &str, found: u64, min: u64) -> Result<(), Failure> {
    if found >= min {
        return Ok(());
    }
    let page = limits::kv::PAGE;
    let message = format!("{noun} must be at least {min} seconds; see {page}");
    Err(Failure::new(ErrorKind::InvalidArgument, message))
}

/// The seconds from the Unix epoch to a time.
pub(crate) fn seconds_of(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
    since_epoch.unwrap_or_default().as_secs()
}

#[inline(never)]
fn read_measures(bytes: Option<usize>) -> Counts {
    let measures = Measures {
        hit: Some(bytes.is_some()),
        bytes: bytes.map(|bytes| bytes as u64),
        ..Measures::default()
    };
    measures.into()
}

#[inline(never)]
fn written(bytes: u64) -> Counts {
    let measures = Measures {
        bytes: Some(bytes),
        ..Measures::default()
    };
    measures.into()
}

/// The failure of a value that its codec cannot decode.
pub(super) fn mismatch(noun: &str, name: &str, error: &dyn std::fmt::Display) -> Failure {
    let message = format!("the {noun} of `{name}` does not match its type: {error}");
    Failure::new(ErrorKind::Decode, message)
}
