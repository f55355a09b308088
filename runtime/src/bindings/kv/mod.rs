//! Workers KV: typed keys with typed values, and text or bytes under plain names.
//!
//! <https://developers.cloudflare.com/kv/api/>

mod types;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;

pub use super::list::ListOptions;
use crate::backend::{self, Backend};
use crate::bindings::{BindingKind, Connect};
use crate::error::{ErrorKind, Failure, Result};
use crate::json;
use crate::limits;
use crate::observe::{Gate, Measures};

#[doc(hidden)]
pub use types::{Binding, KeyOf, KeyPart, Named};
pub use types::{GetOptions, KvKey, List, ListedKey, PutOptions};

/// A KV namespace. `B` is the generated type of its binding.
///
/// Every operation fails with an error of kind `InvalidArgument` if the name of the key is empty,
/// `.` or `..`, and of kind `TooLarge` if the name has more than 512 bytes.
///
/// <https://developers.cloudflare.com/kv/platform/limits/>
pub struct Kv<B> {
    gate: Gate,
    backend: backend::Kv,
    binding: PhantomData<fn() -> B>,
}

impl<B> Clone for Kv<B> {
    fn clone(&self) -> Self {
        Self {
            gate: self.gate.clone(),
            backend: self.backend.clone(),
            binding: PhantomData,
        }
    }
}

impl<B> fmt::Debug for Kv<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Kv")
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}

impl<B: Binding> Connect for Kv<B> {
    const KIND: BindingKind = BindingKind::Kv;

    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String> {
        Ok(Self::new(gate, backend.kv(binding)?))
    }
}

/// Operations with typed keys.
impl<B: Binding> Kv<B> {
    pub(crate) fn new(gate: Gate, backend: backend::Kv) -> Self {
        Self {
            gate,
            backend,
            binding: PhantomData,
        }
    }

    /// Returns the value of a key, or `None` if the key does not exist.
    ///
    /// # Errors
    /// `Decode` if the stored value is not JSON of the key's value type. See also [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::__private::{Binding, KeyOf};
    /// # use bindery::kv::{Kv, KvKey};
    /// # async fn f<B: Binding, K: KvKey<Value = String> + KeyOf<B::Name>>(
    /// #     cache: &Kv<B>,
    /// #     key: K,
    /// # ) -> bindery::Result<()> {
    /// let name: Option<String> = cache.get(&key).await?;
    /// # Ok(()) }
    /// ```
    pub fn get<'a, K: KvKey + KeyOf<B::Name>>(
        &'a self,
        key: &K,
    ) -> BoxFuture<'a, Result<Option<K::Value>>>
    where
        K::Value: 'a,
    {
        let name = key.name().into_owned();
        Box::pin(self.get_value(name))
    }

    /// Stores a value under a key, with the TTL of the key.
    ///
    /// # Errors
    /// `TooLarge` if the value has more than 25 MiB as JSON. `InvalidArgument` if the value cannot
    /// be serialized as JSON, or if the TTL is less than 60 seconds. See also [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::__private::{Binding, KeyOf};
    /// # use bindery::kv::{Kv, KvKey};
    /// # async fn f<B: Binding, K: KvKey<Value = String> + KeyOf<B::Name>>(
    /// #     cache: &Kv<B>,
    /// #     key: K,
    /// # ) -> bindery::Result<()> {
    /// cache.put(&key, &"ann".to_owned()).await?;
    /// # Ok(()) }
    /// ```
    pub fn put<'a, K: KvKey + KeyOf<B::Name>>(
        &'a self,
        key: &K,
        value: &K::Value,
    ) -> BoxFuture<'a, Result<()>> {
        let name = key.name().into_owned();
        Box::pin(self.put_value(name, serde_json::to_vec(value), key.ttl()))
    }

    /// Deletes a key. Deleting a missing key is not an error.
    ///
    /// # Errors
    /// See [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::__private::{Binding, KeyOf};
    /// # use bindery::kv::{Kv, KvKey};
    /// # async fn f<B: Binding, K: KvKey + KeyOf<B::Name>>(
    /// #     cache: &Kv<B>,
    /// #     key: K,
    /// # ) -> bindery::Result<()> {
    /// cache.delete(&key).await?;
    /// # Ok(()) }
    /// ```
    pub fn delete<'a, K: KvKey + KeyOf<B::Name>>(&'a self, key: &K) -> BoxFuture<'a, Result<()>> {
        let name = key.name().into_owned();
        Box::pin(async move { self.delete_named(&name).await })
    }

    /// Returns the value of a key; if the key does not exist, calls `load` and stores its result.
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
    /// # use bindery::kv::{Kv, KvKey};
    /// # async fn name_from_database() -> bindery::Result<Option<String>> { Ok(None) }
    /// # async fn f<B: Binding, K: KvKey<Value = String> + KeyOf<B::Name>>(
    /// #     cache: &Kv<B>,
    /// #     key: K,
    /// # ) -> bindery::Result<()> {
    /// let name = cache.read_through(&key, async || name_from_database().await).await?;
    /// # Ok(()) }
    /// ```
    pub fn read_through<'a, K: KvKey + KeyOf<B::Name>, E, F>(
        &'a self,
        key: &K,
        load: impl FnOnce() -> F + Send + 'a,
    ) -> BoxFuture<'a, Result<Option<K::Value>, E>>
    where
        K::Value: Sync + 'a,
        E: Send + 'a,
        F: Future<Output = Result<Option<K::Value>, E>> + Send + 'a,
    {
        let (name, ttl) = (key.name().into_owned(), key.ttl());
        Box::pin(async move {
            if let Ok(Some(value)) = self.get_value(name.clone()).await {
                return Ok(Some(value));
            }

            let loaded = load().await?;
            if let Some(value) = &loaded {
                // The gate has reported a failure to the observers.
                let _ = self.put_value(name, serde_json::to_vec(value), ttl).await;
            }
            Ok(loaded)
        })
    }

    async fn get_value<V: DeserializeOwned>(&self, name: String) -> Result<Option<V>> {
        let work = async {
            let bytes = self.read(&name, GetOptions::default()).await?;
            let measures = read_measures(bytes.as_deref());
            let value = bytes.map(|bytes| decode(&name, &bytes)).transpose()?;
            Ok((value, measures))
        };
        self.gate.pass("get", None, work).await
    }

    async fn put_value(
        &self,
        name: String,
        json: serde_json::Result<Vec<u8>>,
        ttl: Option<Duration>,
    ) -> Result<()> {
        let work = async {
            let bytes = json.map_err(|error| {
                let message = "the value is not valid JSON";
                Failure::because(ErrorKind::InvalidArgument, message, error)
            })?;
            let options = PutOptions {
                ttl,
                ..PutOptions::default()
            };
            self.write(&name, &bytes, &options).await
        };
        self.gate.pass("put", None, work).await
    }
}

/// Operations with plain names.
impl<B: Binding> Kv<B> {
    /// Returns the text under a name, or `None` if the name does not exist.
    ///
    /// # Errors
    /// `Decode` if the stored value is not UTF-8. See also [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::Kv};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// let greeting: Option<String> = cache.get_text("greeting").await?;
    /// # Ok(()) }
    /// ```
    pub async fn get_text(&self, name: &str) -> Result<Option<String>> {
        self.get_text_with(name, GetOptions::default()).await
    }

    /// Returns the text under a name, or `None`, with options.
    ///
    /// # Errors
    /// `Decode` if the stored value is not UTF-8. `InvalidArgument` if the cache TTL is less than
    /// 30 seconds. See also [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::Kv};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// use std::time::Duration;
    ///
    /// use bindery::kv::GetOptions;
    ///
    /// let options = GetOptions::default().cache_ttl(Duration::from_secs(300));
    /// let greeting = cache.get_text_with("greeting", options).await?;
    /// # Ok(()) }
    /// ```
    pub async fn get_text_with(&self, name: &str, options: GetOptions) -> Result<Option<String>> {
        let work = async {
            let bytes = self.read(name, options).await?;
            let measures = read_measures(bytes.as_deref());
            let text = bytes.map(String::from_utf8).transpose().map_err(|_| {
                let message = format!("the value of `{name}` is not UTF-8");
                Failure::new(ErrorKind::Decode, message)
            })?;
            Ok((text, measures))
        };
        self.gate.pass("get", None, work).await
    }

    /// Returns the bytes under a name, or `None` if the name does not exist.
    ///
    /// # Errors
    /// See [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::Kv};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// let logo: Option<Vec<u8>> = cache.get_bytes("logo.png").await?;
    /// # Ok(()) }
    /// ```
    pub async fn get_bytes(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.get_bytes_with(name, GetOptions::default()).await
    }

    /// Returns the bytes under a name, or `None`, with options.
    ///
    /// # Errors
    /// `InvalidArgument` if the cache TTL is less than 30 seconds. See also [`Kv`].
    pub async fn get_bytes_with(&self, name: &str, options: GetOptions) -> Result<Option<Vec<u8>>> {
        let work = async {
            let bytes = self.read(name, options).await?;
            let measures = read_measures(bytes.as_deref());
            Ok((bytes, measures))
        };
        self.gate.pass("get", None, work).await
    }

    /// Stores bytes or text under a name, without an expiration.
    ///
    /// # Errors
    /// `TooLarge` if the value has more than 25 MiB. See also [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::Kv};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// cache.put_bytes("greeting", "hello").await?;
    /// # Ok(()) }
    /// ```
    pub async fn put_bytes(&self, name: &str, value: impl AsRef<[u8]> + Send) -> Result<()> {
        self.put_bytes_with(name, value, PutOptions::default())
            .await
    }

    /// Stores bytes or text under a name, with options.
    ///
    /// # Errors
    /// `TooLarge` if the value has more than 25 MiB or the metadata more than 1024 bytes.
    /// `InvalidArgument` if the TTL is less than 60 seconds, or the metadata contains an integer
    /// beyond ±(2^53 − 1). See also [`Kv`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::Kv};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// use std::time::Duration;
    ///
    /// use bindery::kv::PutOptions;
    ///
    /// let options = PutOptions::default().ttl(Duration::from_secs(3600));
    /// cache.put_bytes_with("greeting", "hello", options).await?;
    /// # Ok(()) }
    /// ```
    pub async fn put_bytes_with(
        &self,
        name: &str,
        value: impl AsRef<[u8]> + Send,
        options: PutOptions,
    ) -> Result<()> {
        let work = async { self.write(name, value.as_ref(), &options).await };
        self.gate.pass("put", None, work).await
    }

    /// Deletes a name. Deleting a missing name is not an error.
    ///
    /// # Errors
    /// See [`Kv`].
    pub async fn delete_named(&self, name: &str) -> Result<()> {
        let work = async {
            limits::kv_key(name)?;
            self.backend.delete(name).await?;
            Ok(((), Measures::default()))
        };
        self.gate.pass("delete", None, work).await
    }

    /// Returns the first page of keys: at most 1000.
    ///
    /// # Errors
    /// Any error of the platform.
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::Kv};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// for key in cache.list().await?.keys {
    ///     println!("{}", key.name);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn list(&self) -> Result<List> {
        self.list_with(ListOptions::default()).await
    }

    /// Returns a page of keys, with options.
    ///
    /// # Errors
    /// `InvalidArgument` if the limit is not between 1 and 1000.
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, kv::Kv};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// use bindery::kv::ListOptions;
    ///
    /// let sessions = ListOptions::default().prefix("session:");
    /// let page = cache.list_with(sessions.clone()).await?;
    /// if let Some(cursor) = page.cursor {
    ///     let next = cache.list_with(sessions.cursor(cursor)).await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn list_with(&self, options: ListOptions) -> Result<List> {
        let work = async {
            let limit = limits::list_limit(options.limit, limits::kv::LIST_KEYS, limits::kv::PAGE)?;
            let list = self.backend.list(&options, limit).await?;
            let measures = Measures {
                count: Some(list.keys.len() as u64),
                ..Measures::default()
            };
            Ok((list, measures))
        };
        self.gate.pass("list", None, work).await
    }

    async fn read(&self, name: &str, options: GetOptions) -> Result<Option<Vec<u8>>, Failure> {
        limits::kv_key(name)?;
        check_ttl(
            "the cache TTL",
            options.cache_ttl,
            limits::kv::MIN_CACHE_TTL_SECONDS,
        )?;
        self.backend.get(name, options.cache_ttl).await
    }

    async fn write(
        &self,
        name: &str,
        value: &[u8],
        options: &PutOptions,
    ) -> Result<((), Measures), Failure> {
        // The platform does not store null.
        let metadata = options
            .metadata
            .as_ref()
            .filter(|metadata| !metadata.is_null());
        let metadata = metadata.map(|metadata| json::encode("the metadata", metadata));
        let metadata = metadata.transpose()?;

        limits::kv_key(name)?;
        limits::bytes(
            "the value",
            value.len(),
            limits::kv::VALUE_BYTES,
            limits::kv::PAGE,
        )?;
        limits::bytes(
            "the metadata",
            metadata.as_ref().map_or(0, String::len),
            limits::kv::METADATA_BYTES,
            limits::kv::PAGE,
        )?;
        check_ttl("the TTL", options.ttl, limits::kv::MIN_TTL_SECONDS)?;

        self.backend
            .put(name, value, options.ttl, metadata.as_deref())
            .await?;
        let measures = Measures {
            bytes: Some(value.len() as u64),
            ..Measures::default()
        };
        Ok(((), measures))
    }
}

fn check_ttl(noun: &str, ttl: Option<Duration>, min_seconds: u64) -> Result<(), Failure> {
    match ttl {
        Some(ttl) if ttl.as_secs() < min_seconds => {
            let page = limits::kv::PAGE;
            let message = format!("{noun} must be at least {min_seconds} seconds; see {page}");
            Err(Failure::new(ErrorKind::InvalidArgument, message))
        }
        Some(_) | None => Ok(()),
    }
}

fn read_measures(bytes: Option<&[u8]>) -> Measures {
    Measures {
        hit: Some(bytes.is_some()),
        bytes: bytes.map(|bytes| bytes.len() as u64),
        ..Measures::default()
    }
}

fn decode<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        let problem = json::describe(&error);
        let message = format!("the value of `{name}` does not match its type: {problem}");
        Failure::new(ErrorKind::Decode, message)
    })
}
