//! Values in several caches, the fastest first.

use std::future::Future;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::tier::Tier;
use super::{EdgeCache, Policy};
use crate::app::Context;
use crate::backend;
use crate::d1::D1;
use crate::error::{ErrorKind, Failure, Result, Service};
use crate::json::{self, RawText};
use crate::kv::Kv;
use crate::limits;
use crate::observe::{Gate, Measures};
use crate::{random, time};

/// The bytes of a key with its prefix and its version: KV allows 512.
const MAX_KEY_BYTES: usize = 512;

/// A cache of values of any type that serde knows, in several tiers: the data center, KV and D1.
///
/// A lookup asks the tiers in the order in which they were added, and copies what it finds into
/// those before. A value is stored as JSON with the time at which it stops being fresh, so the
/// [`Policy`] holds in every tier, also where the platform keeps values longer.
///
/// A tier that fails is skipped: observers receive the error, and the value comes from the next
/// tier or is loaded. Only a tier that cannot work, such as a table that does not exist, is an
/// error.
///
/// # Staleness
/// After a write, a reader can see the value before it
/// - in the same data center: not at all, if the write used [`write_through`](Self::write_through),
///   [`remove_after`](Self::remove_after) or [`remove`](Self::remove),
/// - in another data center: in the edge tier until the value is stale, in KV for up to a minute,
///   in D1 not at all,
/// - anywhere: until the value is stale, if it was read from the origin or from a later tier before
///   the write, and stored in a tier afterwards. A [`group`](Self::group) prevents this.
///
/// # Examples
/// ```
/// # use bindery::{Result, cache::TieredCache, kv::Kv};
/// # struct Env<B> { cache: Kv<B> }
/// # async fn load(id: i64) -> Result<Option<String>> { Ok(None) }
/// # async fn f<B>(env: &Env<B>, id: i64) -> Result<Option<String>> {
/// use std::time::Duration;
///
/// use bindery::cache::{EdgeCache, Policy};
///
/// let notes = TieredCache::new("notes", Policy::new(Duration::from_secs(300)))
///     .edge(EdgeCache::default(), "https://notes.example.com/cache")
///     .kv(&env.cache);
/// let text = notes.read_through(&id.to_string(), || load(id)).await?;
/// # Ok(text) }
/// ```
#[derive(Debug, Clone)]
pub struct TieredCache {
    prefix: String,
    /// The name of the group and its version, if it is the cache of one.
    group: String,
    policy: Policy,
    tiers: Vec<Tier>,
}

/// A value of a [`TieredCache`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cached<T> {
    /// The value, or `None` if the cache remembers that there is none.
    pub value: Option<T>,
    /// Whether it should be loaded again.
    pub is_stale: bool,
    /// The tier that had it: `edge`, `kv` or `d1`.
    pub tier: &'static str,
}

/// A value as the tiers store it. Times are milliseconds since the Unix epoch.
#[derive(Deserialize)]
struct Stored<'s> {
    fresh_until: u64,
    stale_until: u64,
    /// JSON, which can be `null`. Absent if there is no value.
    #[serde(default, borrow, deserialize_with = "present")]
    value: Option<RawText<'s>>,
}

/// Reads a value that is present.
fn present<'de, D: Deserializer<'de>>(json: D) -> Result<Option<RawText<'de>>, D::Error> {
    Deserialize::deserialize(json).map(Some)
}

/// A value that was found, as text.
struct Found {
    text: String,
    tier: usize,
    is_stale: bool,
}

impl TieredCache {
    /// Returns a cache without tiers, which stores nothing. The names of its keys start with
    /// `prefix` and a colon.
    #[must_use]
    pub fn new(prefix: impl Into<String>, policy: Policy) -> Self {
        Self {
            prefix: prefix.into(),
            group: String::new(),
            policy,
            tiers: Vec::new(),
        }
    }

    /// Adds the cache of the data center. `base` is the start of the URLs of the values: a host of
    /// your own zone, with a path that nothing else uses.
    #[must_use]
    pub fn edge(self, cache: EdgeCache, base: impl Into<String>) -> Self {
        self.with(Tier::Edge(cache, base.into()))
    }

    /// Adds a KV namespace. KV keeps a value for at least a minute.
    #[must_use]
    pub fn kv<B>(self, namespace: &Kv<B>) -> Self {
        self.with(Tier::Kv(namespace.core().clone()))
    }

    /// Adds a table of a D1 database, which a migration creates:
    ///
    /// ```sql
    /// CREATE TABLE cache (
    ///     key TEXT NOT NULL PRIMARY KEY,
    ///     value TEXT NOT NULL,
    ///     expires INTEGER NOT NULL
    /// );
    /// CREATE INDEX cache_by_expires ON cache (expires);
    /// ```
    ///
    /// [`clean_up`](Self::clean_up) deletes what has expired.
    #[must_use]
    pub fn d1(self, database: &D1, table: &str) -> Self {
        let table = format!("\"{}\"", table.replace('"', "\"\""));
        self.with(Tier::D1(database.clone(), table))
    }

    fn with(mut self, tier: Tier) -> Self {
        self.tiers.push(tier);
        self
    }

    /// Returns the cache of a group of keys that can be made outdated together.
    ///
    /// The group has a version in the first tier that all data centers share, and the version is
    /// part of the names of the keys. It needs one call. Take it before the value is loaded: then a
    /// value that was loaded before [`invalidate_group`](Self::invalidate_group) is not used by
    /// those who see the new version. In KV, another data center sees it after up to a minute.
    ///
    /// # Errors
    /// `InvalidArgument` if no tier is shared, `TooLarge` if the name is too long, and the errors
    /// of the tier.
    pub async fn group(&self, name: &str) -> Result<Self> {
        let version = self.shared()?.get(&self.group_key(name)?).await?;
        let version = version.unwrap_or_else(|| "0".to_owned());
        Ok(Self {
            // Not a colon, so that no key of the cache itself is one of a group.
            group: format!("{name}\u{1f}{version}\u{1f}"),
            ..self.clone()
        })
    }

    /// Makes all values of a group outdated, by a new version of it.
    ///
    /// # Errors
    /// Those of [`group`](Self::group).
    pub async fn invalidate_group(&self, name: &str) -> Result<()> {
        // Forgotten only after every value of the old version.
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
        let (key, version) = (self.group_key(name)?, random::id()?);
        self.shared()?.put(&key, &version, YEAR).await
    }

    fn group_key(&self, name: &str) -> Result<String> {
        self.key(&format!("{name}\u{1f}"))
    }

    fn shared(&self) -> Result<&Tier> {
        let mut tiers = self.tiers.iter();
        tiers.find(|tier| tier.is_shared()).ok_or_else(|| {
            let message = "a group needs a tier in KV or D1";
            let failure = Failure::new(ErrorKind::InvalidArgument, message);
            self.gate().failed("group", failure)
        })
    }

    /// Returns the value of a key, or `None` if no tier has it.
    ///
    /// A value that does not have the type `T` counts as absent.
    ///
    /// # Errors
    /// `TooLarge` if the key is too long.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Cached<T>>> {
        let key = self.key(key)?;
        let found = self.lookup(&key).await?;
        Ok(found.and_then(|found| self.read(&found)))
    }

    /// Stores a value in every tier, the last one first. `None` is stored if the policy has a time
    /// for it.
    ///
    /// # Errors
    /// `TooLarge` if the key is too long, and `InvalidArgument` if the value cannot be JSON.
    pub async fn put<T: Serialize + Sync>(&self, key: &str, value: Option<&T>) -> Result<()> {
        let key = self.key(key)?;
        match self.entry(value)? {
            Some((text, ttl)) => self.store(&key, &text, ttl, self.tiers.len()).await,
            // What was stored before is not valid any more.
            None => self.delete(&key).await?,
        }
        Ok(())
    }

    /// Deletes a key from every tier.
    ///
    /// # Errors
    /// `TooLarge` if the key is too long, and the first error of a tier. The other tiers have
    /// deleted it.
    pub async fn remove(&self, key: &str) -> Result<()> {
        self.delete(&self.key(key)?).await
    }

    /// Returns the fresh value of a key. If there is none, loads the value and stores it.
    ///
    /// If it cannot be loaded, a stale value is returned. `load` returns `None` if there is no
    /// value, which the cache remembers if the policy has a time for it.
    ///
    /// # Errors
    /// The error of `load`, if there is no stale value.
    pub fn read_through<'a, T, E, F>(
        &'a self,
        key: &'a str,
        load: impl FnOnce() -> F + Send + 'a,
    ) -> BoxFuture<'a, Result<Option<T>, E>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'a,
        E: From<crate::Error> + Send + 'a,
        F: Future<Output = Result<Option<T>, E>> + Send + 'a,
    {
        Box::pin(async move {
            let key = self.key(key)?;
            let cached = self.lookup(&key).await?;
            let cached = cached.and_then(|found| self.read::<T>(&found));
            let stale = match cached {
                Some(cached) if !cached.is_stale => return Ok(cached.value),
                stale => stale,
            };

            match (load().await, stale) {
                (Ok(value), stale) => {
                    self.keep(&key, value.as_ref(), stale.is_some()).await;
                    Ok(value)
                }
                (Err(_), Some(stale)) => Ok(stale.value),
                (Err(error), None) => Err(error),
            }
        })
    }

    /// Returns the value of a key. A stale value is returned at once, while a new one is loaded and
    /// stored in the background. If there is no value, loads it and stores it.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc5861>
    ///
    /// # Errors
    /// The error of `load`, if there is no stale value.
    ///
    /// # Examples
    /// ```
    /// # use bindery::{Context, Result, cache::TieredCache};
    /// # async fn load(id: i64) -> Result<Option<String>> { Ok(None) }
    /// # async fn f(notes: &TieredCache, context: &Context, id: i64) -> Result<()> {
    /// let text = notes
    ///     .stale_while_revalidate(&id.to_string(), context, move || load(id))
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn stale_while_revalidate<'a, T, E, F>(
        &'a self,
        key: &'a str,
        context: &'a Context,
        load: impl FnOnce() -> F + Send + 'static,
    ) -> BoxFuture<'a, Result<Option<T>, E>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        E: From<crate::Error> + std::fmt::Display + Send + 'static,
        F: Future<Output = Result<Option<T>, E>> + Send + 'static,
    {
        Box::pin(async move {
            let key = self.key(key)?;
            let cached = self.lookup(&key).await?;
            if let Some(cached) = cached.and_then(|found| self.read::<T>(&found)) {
                if cached.is_stale {
                    let cache = self.clone();
                    context.wait_until(async move {
                        let value = load().await?;
                        cache.keep(&key, value.as_ref(), true).await;
                        Ok::<(), E>(())
                    });
                }
                return Ok(cached.value);
            }

            let value = load().await?;
            self.keep(&key, value.as_ref(), false).await;
            Ok(value)
        })
    }

    /// Runs a write, and then stores the value that it returns. If the write fails, the key is
    /// deleted: an error can hide a write that has succeeded.
    ///
    /// # Errors
    /// The error of `write`.
    pub fn write_through<'a, T, E>(
        &'a self,
        key: &'a str,
        write: impl Future<Output = Result<T, E>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, E>>
    where
        T: Serialize + Send + Sync + 'a,
        E: From<crate::Error> + Send + 'a,
    {
        Box::pin(async move {
            let key = self.key(key)?;
            match write.await {
                Ok(value) => {
                    self.keep(&key, Some(&value), true).await;
                    Ok(value)
                }
                Err(error) => {
                    let _ = self.delete(&key).await;
                    Err(error)
                }
            }
        })
    }

    /// Runs a write, and then deletes keys that it makes outdated, also if the write fails: an
    /// error can hide a write that has succeeded.
    ///
    /// # Errors
    /// The error of `write`.
    pub fn remove_after<'a, T, E>(
        &'a self,
        keys: &'a [&'a str],
        write: impl Future<Output = Result<T, E>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, E>>
    where
        T: Send + 'a,
        E: From<crate::Error> + Send + 'a,
    {
        Box::pin(async move {
            let names = keys.iter().map(|key| self.key(key));
            let names: Vec<String> = names.collect::<Result<_>>()?;
            let outcome = write.await;
            for name in names {
                // Observers receive a failure. The outcome is that of the write.
                let _ = self.delete(&name).await;
            }
            outcome
        })
    }

    /// Stores a value, and writes it in the background. If the write fails, the value is deleted
    /// again, in this data center and in the shared tiers. Two of them for one key can end in any
    /// order.
    ///
    /// The value is lost if the write fails, so this is for values that may be lost, such as the
    /// time of the last visit. A [queue](crate::queue) keeps a write until it has succeeded.
    ///
    /// # Errors
    /// `TooLarge` if the key is too long, and `InvalidArgument` if the value cannot be JSON. Then
    /// nothing is written. The error of `write` is logged.
    pub async fn write_behind<T, E>(
        &self,
        key: &str,
        value: &T,
        context: &Context,
        write: impl Future<Output = Result<(), E>> + Send + 'static,
    ) -> Result<()>
    where
        T: Serialize + Sync,
        E: std::fmt::Display + Send + 'static,
    {
        let (cache, key) = (self.clone(), self.key(key)?);
        let entry = self.entry(Some(value))?;
        if let Some((text, ttl)) = &entry {
            self.store(&key, text, *ttl, self.tiers.len()).await;
        }
        context.wait_until(async move {
            let outcome = write.await;
            match entry {
                // A reader can have stored the value before the write.
                Some((text, ttl)) if outcome.is_ok() => {
                    cache.store(&key, &text, ttl, cache.tiers.len()).await;
                }
                _ => {
                    let _ = cache.delete(&key).await;
                }
            }
            outcome
        });
        Ok(())
    }

    /// Deletes the expired values of tables in D1, from time to time. Returns their number.
    ///
    /// # Errors
    /// Those of D1.
    pub async fn clean_up(&self) -> Result<u64> {
        let mut deleted = 0;
        for tier in &self.tiers {
            deleted += tier.clean_up().await?;
        }
        Ok(deleted)
    }

    /// The name of a key in the tiers.
    fn key(&self, key: &str) -> Result<String> {
        let name = format!("{}:{}{key}", self.prefix, self.group);
        let checked = limits::bytes("the key", name.len(), MAX_KEY_BYTES, limits::kv::PAGE);
        checked.map_err(|failure| self.gate().failed("key", failure))?;
        Ok(name)
    }

    /// Finds a value that can be used, and copies a fresh one into the tiers before.
    async fn lookup(&self, key: &str) -> Result<Option<Found>> {
        let work = async {
            let mut stale = None;
            let mut fresh = None;
            for (index, tier) in self.tiers.iter().enumerate() {
                let text = match tier.get(key).await {
                    Ok(Some(text)) => text,
                    // A table or a URL that does not exist would make the cache useless, silently.
                    Err(error) if error.kind() == ErrorKind::InvalidArgument => {
                        return Err(error.into_failure());
                    }
                    // The tier has reported any other failure to the observers.
                    Ok(None) | Err(_) => continue,
                };
                let Ok(stored) = json::parse::<Stored<'_>>(&text) else {
                    continue;
                };

                let (now, tier) = (milliseconds(), index);
                let is_stale = stored.fresh_until <= now;
                if !is_stale {
                    let left = Duration::from_millis(stored.stale_until.saturating_sub(now));
                    fresh = Some((text, left, index));
                    break;
                }
                if now < stored.stale_until {
                    stale.get_or_insert(Found {
                        text,
                        tier,
                        is_stale,
                    });
                }
            }

            let found = match fresh {
                Some((text, left, tier)) => {
                    self.store(key, &text, left, tier).await;
                    Some(Found {
                        text,
                        tier,
                        is_stale: false,
                    })
                }
                None => stale,
            };
            let tier = found.as_ref().and_then(|found| self.tiers.get(found.tier));
            let measures = Measures {
                hit: Some(found.is_some()),
                tier: tier.map(Tier::name),
                ..Measures::default()
            };
            Ok((found, measures.into()))
        };
        self.gate().pass("lookup", None, work).await
    }

    /// Reads a value. `None` if it does not have the type.
    fn read<T: DeserializeOwned>(&self, found: &Found) -> Option<Cached<T>> {
        let stored: Stored<'_> = json::parse(&found.text).ok()?;
        let value = match stored.value {
            Some(RawText(value)) => Some(json::parse(value).ok()?),
            None => None,
        };
        Some(Cached {
            value,
            is_stale: found.is_stale,
            tier: self.tiers.get(found.tier).map_or("", Tier::name),
        })
    }

    /// Returns the text of a value and the time for which it is stored. `None` if it is not.
    fn entry<T: Serialize>(&self, value: Option<&T>) -> Result<Option<(String, Duration)>> {
        let Some((fresh, stale)) = self.policy.times(value.is_some())? else {
            return Ok(None);
        };
        let invalid = |error: serde_json::Error| {
            let message = format!("the value cannot be encoded: {error}");
            let failure = Failure::because(ErrorKind::InvalidArgument, message, error);
            self.gate().failed("put", failure)
        };

        let now = milliseconds();
        let fresh_until = now + whole_milliseconds(fresh);
        let stale_until = now + whole_milliseconds(fresh.saturating_add(stale));
        let mut text = format!(r#"{{"fresh_until":{fresh_until},"stale_until":{stale_until}"#);
        if let Some(value) = value {
            text.push_str(r#","value":"#);
            text.push_str(&serde_json::to_string(value).map_err(invalid)?);
        }
        text.push('}');
        Ok(Some((text, fresh.saturating_add(stale))))
    }

    /// Stores a value that was loaded or written. If that is not possible, the one that it replaces
    /// must not remain.
    async fn keep<T: Serialize>(&self, key: &str, value: Option<&T>, replaces: bool) {
        match self.entry(value) {
            Ok(Some((text, ttl))) => self.store(key, &text, ttl, self.tiers.len()).await,
            Ok(None) if !replaces => {}
            _ => {
                let _ = self.delete(key).await;
            }
        }
    }

    /// Stores a text in the tiers before `end`, the last one first: a tier never has a newer value
    /// than those behind it.
    async fn store(&self, key: &str, text: &str, ttl: Duration, end: usize) {
        for tier in self.tiers[..end].iter().rev() {
            if tier.put(key, text, ttl).await.is_err() {
                let _ = tier.delete(key).await;
            }
        }
    }

    /// Deletes a key from every tier, the last one first.
    async fn delete(&self, key: &str) -> Result<()> {
        let mut outcome = Ok(());
        for tier in self.tiers.iter().rev() {
            let deleted = tier.delete(key).await;
            outcome = outcome.and(deleted);
        }
        outcome
    }

    fn gate(&self) -> Gate {
        let observers = backend::current_observers();
        Gate::new(Service::EdgeCache, self.prefix.clone(), observers)
    }
}

/// The milliseconds since the Unix epoch.
fn milliseconds() -> u64 {
    let now = time::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    whole_milliseconds(now)
}

fn whole_milliseconds(duration: Duration) -> u64 {
    // A quarter of the range, so that the sum of two does not overflow.
    u64::try_from(duration.as_millis()).map_or(u64::MAX / 4, |all| all.min(u64::MAX / 4))
}
