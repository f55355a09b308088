//! Workers KV: keys with typed values and typed metadata.
//!
//! KV is eventually consistent: a change can take about 60 seconds to reach every location. It has
//! no transactions, and no call that reads and writes. So a value that two requests read, change
//! and write back loses one of the changes, even at one location. Keep entries that change
//! independently under a key each, and read them with [`Kv::entries`]; keep what has to be
//! consistent in D1 or in a Durable Object.
//!
//! <https://developers.cloudflare.com/kv/api/>

mod codec;
mod core;
mod key;
mod list;
mod options;

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::Backend;
use crate::bindings::{BindingKind, Connect};
use crate::error::{Failure, Result};
use crate::http::Body;
use crate::json;
use crate::limits;
use crate::observe::Gate;

use self::core::{Put, mismatch};

pub(crate) use self::core::Core;
pub(crate) use self::core::{Listing, Stored, StoredKey, seconds_of};
pub use super::content::Content;
use super::key::Binding;
pub use super::key::Prefix;
pub use codec::{Bytes, Codec, Json, Text};
#[doc(hidden)]
pub use key::KeyOf;
pub use key::{InputOf, KvKey, Name, ParseKey, ValueOf, bytes, json, prefix, text};
pub use list::{List, ListedKey, Page};
pub use options::{Expiration, GetOptions, PutOptions};

/// A KV namespace. `B` is the generated type of its binding.
///
/// Every operation fails with an error of kind `InvalidArgument` if the name of a key is empty,
/// `.` or `..`, and of kind `TooLarge` if the name has more than 512 bytes.
///
/// <https://developers.cloudflare.com/kv/platform/limits/>
pub struct Kv<B> {
    core: Core,
    binding: PhantomData<fn() -> B>,
}

impl<B> Clone for Kv<B> {
    fn clone(&self) -> Self {
        Self {
            core: self.core.clone(),
            binding: PhantomData,
        }
    }
}

impl<B> fmt::Debug for Kv<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Kv")
            .field("gate", &self.core.gate)
            .finish_non_exhaustive()
    }
}

impl<B> Kv<B> {
    /// The calls without types.
    pub(crate) fn core(&self) -> &Core {
        &self.core
    }
}

impl<B: Binding> Connect for Kv<B> {
    const KIND: BindingKind = BindingKind::Kv;

    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String> {
        let backend = backend.kv(binding)?;
        Ok(Self {
            core: Core { gate, backend },
            binding: PhantomData,
        })
    }
}

/// A value with the name of its key and its metadata.
#[non_exhaustive]
pub struct Entry<K: KvKey> {
    /// The name of the key.
    pub name: String,
    /// The value.
    pub value: ValueOf<K>,
    /// The metadata that was stored with the value.
    pub metadata: Option<K::Metadata>,
}

impl<K: KvKey> fmt::Debug for Entry<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may be private.
        formatter
            .debug_struct("Entry")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<K: KvKey> Entry<K> {
    /// Returns the key with this name, or `None` if the name is not one of the key's type.
    #[must_use]
    pub fn key(&self) -> Option<K>
    where
        K: ParseKey,
    {
        K::parse(&self.name)
    }
}

/// Reading.
impl<B: Binding> Kv<B> {
    /// Returns the value of a key, or `None` if the key does not exist.
    ///
    /// # Errors
    /// `Decode` if the stored value does not match the type of the key. See also [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::__private::{Binding, KeyOf};
    /// # use bindery::kv::{Json, Kv, KvKey};
    /// # async fn f<B: Binding, K: KvKey<Codec = Json<u32>> + KeyOf<B::Name>>(
    /// #     cache: &Kv<B>,
    /// #     key: K,
    /// # ) -> bindery::Result<()> {
    /// let count: Option<u32> = cache.get(&key).await?;
    /// # Ok(()) }
    /// ```
    pub fn get<'a, K: KeyOf<B::Name>>(
        &'a self,
        key: &K,
    ) -> BoxFuture<'a, Result<Option<ValueOf<K>>>> {
        self.get_with(key, GetOptions::default())
    }

    /// Returns the value of a key like [`get`](Self::get), with options.
    ///
    /// # Errors
    /// `InvalidArgument` if the cache TTL is less than 30 seconds. See also [`get`](Self::get).
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::{self, Kv}};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// use std::time::Duration;
    ///
    /// use bindery::kv::GetOptions;
    ///
    /// let options = GetOptions::default().cache_ttl(Duration::from_secs(300));
    /// let greeting = cache.get_with(&kv::text("greeting"), options).await?;
    /// # Ok(()) }
    /// ```
    pub fn get_with<'a, K: KeyOf<B::Name>>(
        &'a self,
        key: &K,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Option<ValueOf<K>>>> {
        let (name, cache_ttl) = (key.name().into_owned(), cache_ttl(key, options));
        Box::pin(get::<K::Codec>(&self.core, name, cache_ttl))
    }

    /// Returns the value of a key and its metadata, or `None` if the key does not exist.
    ///
    /// # Errors
    /// `Decode` if the stored value or metadata does not match the types of the key. See also
    /// [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::{self, Kv}};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// if let Some(entry) = cache.get_with_metadata(&kv::text("greeting")).await? {
    ///     println!("{} {:?}", entry.value, entry.metadata);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn get_with_metadata<'a, K: KeyOf<B::Name> + 'a>(
        &'a self,
        key: &K,
    ) -> BoxFuture<'a, Result<Option<Entry<K>>>> {
        let (name, cache_ttl) = (key.name().into_owned(), key.cache_ttl());
        Box::pin(async move {
            let mut entry = None;
            let mut sink = |_: usize, stored: Stored| {
                entry = Some(decode_entry::<K>(name.clone(), stored)?);
                Ok(())
            };
            let get = self.core.get_with_metadata(&name, cache_ttl, &mut sink);
            get.await?;
            Ok(entry)
        })
    }

    /// Returns the values of many keys, in the order of the keys, with one call for each 100 of
    /// them.
    ///
    /// If the codec of the key is not one of text, each value is a call of its own; so are the
    /// values of a call that together have more than 25 MiB.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::{self, Kv}};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// let values = cache.get_many(&[kv::text("a"), kv::text("b")]).await?;
    /// assert_eq!(values.len(), 2);
    /// # Ok(()) }
    /// ```
    pub fn get_many<'a, K: KeyOf<B::Name>>(
        &'a self,
        keys: &[K],
    ) -> BoxFuture<'a, Result<Vec<Option<ValueOf<K>>>>> {
        let names = keys.iter().map(|key| key.name().into_owned()).collect();
        let cache_ttl = keys.first().and_then(KvKey::cache_ttl);
        Box::pin(get_many::<K::Codec>(&self.core, names, cache_ttl))
    }

    /// Returns the value of a key as a stream, or `None` if the key does not exist.
    ///
    /// # Errors
    /// See [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, Response, kv::{self, Kv}};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<Option<Response>> {
    /// let logo = cache.get_body(&kv::bytes("logo.png")).await?;
    /// Ok(logo.map(Response::new))
    /// # }
    /// ```
    pub fn get_body<'a, K: KeyOf<B::Name>>(
        &'a self,
        key: &K,
    ) -> BoxFuture<'a, Result<Option<Body>>> {
        let (name, cache_ttl) = (key.name().into_owned(), key.cache_ttl());
        Box::pin(async move { self.core.get_body(&name, cache_ttl).await })
    }

    /// Returns the keys with a prefix, as a stream or page by page.
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::{self, Kv}};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// use futures_util::TryStreamExt;
    ///
    /// let mut sessions = cache.list(kv::prefix("session:"));
    /// while let Some(key) = sessions.try_next().await? {
    ///     println!("{}", key.name);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn list<K: KeyOf<B::Name>>(&self, prefix: Prefix<K>) -> List<'_, K> {
        List::new(&self.core, prefix)
    }

    /// Returns the keys with a prefix and their values, as a stream in the order of the names.
    ///
    /// It costs one list for each 1000 keys and one get for each 100. A key that is deleted between
    /// the list and the get is not returned. The stream ends after an error.
    ///
    /// This reads a map, such as the rooms of a chat, of which each entry has a key. A map under
    /// one key would lose updates: two requests that read it, change it and write it back overwrite
    /// each other.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::{self, Kv}};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// use futures_util::TryStreamExt;
    ///
    /// let mut rooms = cache.entries(kv::prefix("room:"));
    /// while let Some(room) = rooms.try_next().await? {
    ///     println!("{}: {}", room.name, room.value);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn entries<'a, K: KeyOf<B::Name> + 'a>(
        &'a self,
        prefix: Prefix<K>,
    ) -> BoxStream<'a, Result<Entry<K>>> {
        let core = &self.core;
        let keys = self.list(prefix).try_chunks(limits::kv::BULK_KEYS);
        let entries = keys
            .map_err(|error| error.1)
            .and_then(move |keys| async move {
                let entries = get_entries(core, keys).await?;
                Ok(futures_util::stream::iter(entries.into_iter().map(Ok)))
            });
        entries.try_flatten().boxed()
    }
}

/// Writing.
impl<B: Binding> Kv<B> {
    /// Stores a value under a key, with the TTL of the key.
    ///
    /// It replaces the previous value with its metadata and expiration. KV accepts one write per
    /// second for each key.
    ///
    /// # Errors
    /// `TooLarge` if the encoded value has more than 25 MiB. `InvalidArgument` if the value cannot
    /// be encoded, or if the TTL is less than 60 seconds. See also [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::__private::{Binding, KeyOf};
    /// # use bindery::kv::{Json, Kv, KvKey};
    /// # async fn f<B: Binding, K: KvKey<Codec = Json<u32>> + KeyOf<B::Name>>(
    /// #     cache: &Kv<B>,
    /// #     key: K,
    /// # ) -> bindery::Result<()> {
    /// cache.put(&key, &7).await?;
    /// # Ok(()) }
    /// ```
    pub fn put<'a, K: KeyOf<B::Name>>(
        &'a self,
        key: &K,
        value: &'a InputOf<K>,
    ) -> BoxFuture<'a, Result<()>> {
        self.put_with(key, value, PutOptions::default())
    }

    /// Stores a value like [`put`](Self::put), with options.
    ///
    /// # Errors
    /// `TooLarge` if the encoded value has more than 25 MiB, or the metadata more than 1024 bytes.
    /// `InvalidArgument` if the value expires in less than 60 seconds, or the metadata contains an
    /// integer beyond ±(2^53 − 1). See also [`put`](Self::put).
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::{self, Kv}};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// use std::time::Duration;
    ///
    /// use bindery::kv::PutOptions;
    ///
    /// let options = PutOptions::default().ttl(Duration::from_secs(3600));
    /// cache.put_with(&kv::text("greeting"), "hello", options).await?;
    /// # Ok(()) }
    /// ```
    pub fn put_with<'a, K: KeyOf<B::Name>>(
        &'a self,
        key: &K,
        value: &'a InputOf<K>,
        options: PutOptions<K::Metadata>,
    ) -> BoxFuture<'a, Result<()>> {
        let (name, put) = (key.name().into_owned(), put_of(key, options));
        let value = K::Codec::encode(value);
        let core = &self.core;
        Box::pin(async move { core.put(&name, value, put).await })
    }

    /// Stores a stream under a key, with options.
    ///
    /// The value is collected in memory first: if the stream fails, the previous value remains.
    ///
    /// # Errors
    /// `InvalidArgument` if the stream ends early. `TooLarge` if it has more than 25 MiB. See also
    /// [`put_with`](Self::put_with).
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, Body, kv::{self, Kv}};
    /// # async fn f<B: Binding>(cache: &Kv<B>, upload: Body) -> bindery::Result<()> {
    /// use bindery::kv::PutOptions;
    ///
    /// let key = kv::bytes("logo.png");
    /// cache.put_body(&key, upload, PutOptions::default()).await?;
    /// # Ok(()) }
    /// ```
    pub fn put_body<'a, K: KeyOf<B::Name>>(
        &'a self,
        key: &K,
        content: impl Into<Content<'a>>,
        options: PutOptions<K::Metadata>,
    ) -> BoxFuture<'a, Result<()>> {
        let (name, put) = (key.name().into_owned(), put_of(key, options));
        let (core, content) = (&self.core, content.into());
        Box::pin(async move { core.put_body(&name, content, put).await })
    }

    /// Deletes a key. Deleting a missing key is not an error.
    ///
    /// # Errors
    /// See [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::{self, Kv}};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// cache.delete(&kv::text("greeting")).await?;
    /// # Ok(()) }
    /// ```
    pub fn delete<'a, K: KeyOf<B::Name>>(&'a self, key: &K) -> BoxFuture<'a, Result<()>> {
        let name = key.name().into_owned();
        Box::pin(async move { self.core.delete(&name).await })
    }

    /// Returns the value of a key; if the key does not exist, calls `load` and stores its result.
    /// `None` is not stored: a [`TieredCache`](crate::cache::TieredCache) can do that.
    ///
    /// If the cache cannot be read or written, observers receive the error and the call continues,
    /// because `load` returns the authoritative value. Two requests that miss at the same time both
    /// call `load`: on Workers, a request cannot wait for the I/O of another request.
    ///
    /// # Errors
    /// The errors of `load`.
    ///
    /// # Examples
    /// ```
    /// # use bindery::__private::{Binding, KeyOf};
    /// # use bindery::kv::{Json, Kv, KvKey};
    /// # async fn name_from_database() -> bindery::Result<Option<String>> { Ok(None) }
    /// # async fn f<B: Binding, K: KvKey<Codec = Json<String>> + KeyOf<B::Name>>(
    /// #     cache: &Kv<B>,
    /// #     key: K,
    /// # ) -> bindery::Result<()> {
    /// let name = cache.read_through(&key, async || name_from_database().await).await?;
    /// # Ok(()) }
    /// ```
    pub fn read_through<'a, K: KeyOf<B::Name>, E, F>(
        &'a self,
        key: &K,
        load: impl FnOnce() -> F + Send + 'a,
    ) -> BoxFuture<'a, Result<Option<ValueOf<K>>, E>>
    where
        ValueOf<K>: Borrow<InputOf<K>> + Sync,
        E: Send + 'a,
        F: Future<Output = Result<Option<ValueOf<K>>, E>> + Send + 'a,
    {
        let (name, cache_ttl) = (key.name().into_owned(), key.cache_ttl());
        let put = put_of(key, PutOptions::default());
        let core = &self.core;
        Box::pin(async move {
            let cached = get::<K::Codec>(core, name.clone(), cache_ttl).await;
            if let Ok(Some(value)) = cached {
                return Ok(Some(value));
            }

            let loaded = load().await?;
            if let Some(value) = &loaded {
                // The gate has reported a failure to the observers.
                let _ = core.put(&name, K::Codec::encode(value.borrow()), put).await;
            }
            Ok(loaded)
        })
    }
}

async fn get<C: Codec>(
    core: &Core,
    name: String,
    cache_ttl: Option<Duration>,
) -> Result<Option<C::Value>> {
    let mut value = None;
    let mut sink = |_: usize, stored: Stored| {
        value = Some(decode::<C>(&name, stored.value)?);
        Ok(())
    };
    core.get(&name, cache_ttl, &mut sink).await?;
    Ok(value)
}

async fn get_many<C: Codec>(
    core: &Core,
    names: Vec<String>,
    cache_ttl: Option<Duration>,
) -> Result<Vec<Option<C::Value>>> {
    let mut values: Vec<Option<C::Value>> = names.iter().map(|_| None).collect();
    let mut sink = |index: usize, stored: Stored| {
        values[index] = Some(decode::<C>(&names[index], stored.value)?);
        Ok(())
    };
    let get = core.get_many(&names, cache_ttl, C::IS_TEXT, &mut sink);
    get.await?;
    Ok(values)
}

/// Gets the values of listed keys, without those that no longer exist.
async fn get_entries<K: KvKey>(core: &Core, keys: Vec<ListedKey<K>>) -> Result<Vec<Entry<K>>> {
    let (names, metadata): (Vec<String>, Vec<Option<K::Metadata>>) =
        keys.into_iter().map(|key| (key.name, key.metadata)).unzip();
    let values = get_many::<K::Codec>(core, names.clone(), None).await?;

    let entries = names.into_iter().zip(values).zip(metadata);
    let entries = entries.filter_map(|((name, value), metadata)| {
        let value = value?;
        Some(Entry {
            name,
            value,
            metadata,
        })
    });
    Ok(entries.collect())
}

fn decode<C: Codec>(name: &str, value: Vec<u8>) -> Result<C::Value, Failure> {
    C::decode(value).map_err(|error| mismatch("value", name, &error))
}

fn decode_entry<K: KvKey>(name: String, stored: Stored) -> Result<Entry<K>, Failure> {
    Ok(Entry {
        value: decode::<K::Codec>(&name, stored.value)?,
        metadata: decode_metadata(&name, stored.metadata.as_deref())?,
        name,
    })
}

fn decode_metadata<M: DeserializeOwned>(
    name: &str,
    metadata: Option<&str>,
) -> Result<Option<M>, Failure> {
    let decode = |text| {
        crate::json::parse(text).map_err(|error| mismatch("metadata", name, &error.describe()))
    };
    metadata.map(decode).transpose()
}

fn encode_metadata<M: Serialize>(metadata: Option<&M>) -> Result<Option<String>, Failure> {
    let encoded = metadata.map(|metadata| json::encode("the metadata", metadata));
    // The platform does not store null.
    Ok(encoded.transpose()?.filter(|json| json != "null"))
}

fn cache_ttl<K: KvKey>(key: &K, options: GetOptions) -> Option<Duration> {
    options.cache_ttl.or(key.cache_ttl())
}

fn put_of<K: KvKey>(key: &K, options: PutOptions<K::Metadata>) -> Put {
    let of_key = key.ttl().map_or(Expiration::Never, Expiration::After);
    Put {
        expiration: options.expiration.unwrap_or(of_key),
        metadata: encode_metadata(options.metadata.as_ref()),
    }
}
