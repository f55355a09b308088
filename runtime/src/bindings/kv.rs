//! Workers KV: typed keys with typed values, and texts or bytes under plain names.
//!
//! <https://developers.cloudflare.com/kv/api/>

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use super::list::ListOptions;
use crate::backend::{self, Backend};
use crate::bindings::{BindingKind, Connect};
use crate::error::{ErrorKind, Failure, Result};
use crate::limits;
use crate::observe::{Gate, Measures};

/// A key of one namespace, and the type of its values. Derive it.
pub trait KvKey {
    /// What is stored under it, as JSON.
    type Value: Serialize + DeserializeOwned + Send;

    /// The key's name in the namespace.
    fn name(&self) -> Cow<'_, str>;

    /// How long a value is kept when nothing else is said; at least 60 seconds.
    fn ttl(&self) -> Option<Duration> {
        None
    }
}

/// A binding's type, and its name as a type.
#[doc(hidden)]
pub trait Binding: 'static {
    /// The name.
    type Name;
}

/// The name of a binding as a type.
#[doc(hidden)]
#[derive(Debug)]
pub struct Named<const ID: u64>(());

/// A key of the namespace of a name. Derived with [`KvKey`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is a key of another KV namespace",
    label = "not a key of this namespace",
    note = "`#[kv(binding = ...)]` on the key names the namespace that it belongs to"
)]
pub trait KeyOf<Name> {}

/// A KV namespace. `B` is the generated type of its binding.
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

/// What is kept beside a value.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PutOptions {
    /// How long the value is kept: at least 60 seconds.
    pub ttl: Option<Duration>,
    /// JSON of at most 1024 bytes that lists give back.
    pub metadata: Option<serde_json::Value>,
}

impl PutOptions {
    /// Keeps the value for `ttl`: at least 60 seconds.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Keeps JSON of at most 1024 bytes beside the value.
    #[must_use]
    pub fn metadata(mut self, metadata: serde_json::Value) -> Self {
        self.metadata = Some(metadata);
        self
    }
}

/// A part of the keys, in the order of their bytes.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct List {
    /// The keys.
    pub keys: Vec<ListedKey>,
    /// Where to go on; `None` when this was the last part.
    pub cursor: Option<String>,
}

/// A key in a list.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ListedKey {
    /// Its name.
    pub name: String,
    /// When it goes, in seconds since the Unix epoch.
    pub expiration: Option<u64>,
    /// What was kept beside the value.
    pub metadata: Option<serde_json::Value>,
}

impl<B: Binding> Connect for Kv<B> {
    const KIND: BindingKind = BindingKind::Kv;

    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String> {
        Ok(Self::new(gate, backend.kv(binding)?))
    }
}

impl<B: Binding> Kv<B> {
    pub(crate) fn new(gate: Gate, backend: backend::Kv) -> Self {
        Self {
            gate,
            backend,
            binding: PhantomData,
        }
    }

    /// The value under a key, or `None`.
    ///
    /// # Errors
    /// `Decode` when what is stored is not JSON of the key's type; `TooLarge` for a key over 512 bytes.
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

    /// Stores a value under a key, for as long as the key says.
    ///
    /// # Errors
    /// `TooLarge` for a key over 512 bytes or a value over 25 MiB.
    pub fn put<'a, K: KvKey + KeyOf<B::Name>>(
        &'a self,
        key: &K,
        value: &K::Value,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.put_value(
            key.name().into_owned(),
            serde_json::to_vec(value),
            key.ttl(),
        ))
    }

    /// Forgets what is under a key; nothing there is no error.
    ///
    /// # Errors
    /// `TooLarge` for a key over 512 bytes.
    pub fn delete<'a, K: KvKey + KeyOf<B::Name>>(&'a self, key: &K) -> BoxFuture<'a, Result<()>> {
        let name = key.name().into_owned();
        Box::pin(async move { self.delete_named(&name).await })
    }

    /// The value under a key; when there is none, what `load` gives, which is then stored.
    ///
    /// A cache that cannot be read or written is told to the observers and otherwise passed by:
    /// `load` has the truth. Two requests that miss at the same time both load: on Workers a
    /// request cannot wait for what another one began.
    ///
    /// # Errors
    /// Those of `load`.
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
                // The gate has told the observers of a failure.
                let _ = self.put_value(name, serde_json::to_vec(value), ttl).await;
            }
            Ok(loaded)
        })
    }

    async fn get_value<V: DeserializeOwned>(&self, name: String) -> Result<Option<V>> {
        self.gate
            .pass("get", None, async {
                let bytes = self.read(&name, None).await?;
                let measures = measures(bytes.as_deref());
                let value = bytes.map(|bytes| decode(&name, &bytes)).transpose()?;
                Ok((value, measures))
            })
            .await
    }

    async fn put_value(
        &self,
        name: String,
        json: serde_json::Result<Vec<u8>>,
        ttl: Option<Duration>,
    ) -> Result<()> {
        self.gate
            .pass("put", None, async {
                let bytes = json.map_err(|error| {
                    Failure::because(ErrorKind::InvalidArgument, "the value is no JSON", error)
                })?;
                self.write(
                    &name,
                    &bytes,
                    &PutOptions {
                        ttl,
                        metadata: None,
                    },
                )
                .await
            })
            .await
    }

    /// The text under a name, or `None`.
    ///
    /// # Errors
    /// `Decode` when it is not UTF-8; `TooLarge` for a name over 512 bytes.
    pub async fn get_text(&self, name: &str) -> Result<Option<String>> {
        self.gate
            .pass("get", None, async {
                let bytes = self.read(name, None).await?;
                let measures = measures(bytes.as_deref());
                let text = bytes.map(String::from_utf8).transpose();
                let text = text.map_err(|error| {
                    Failure::because(ErrorKind::Decode, format!("`{name}` is not UTF-8"), error)
                })?;
                Ok((text, measures))
            })
            .await
    }

    /// The bytes under a name, or `None`; `cache_ttl`, at least 30 seconds, is how long Cloudflare's
    /// edge may answer from its cache.
    ///
    /// # Errors
    /// `TooLarge` for a name over 512 bytes.
    pub async fn get_bytes(
        &self,
        name: &str,
        cache_ttl: Option<Duration>,
    ) -> Result<Option<Vec<u8>>> {
        self.gate
            .pass("get", None, async {
                let bytes = self.read(name, cache_ttl).await?;
                let measures = measures(bytes.as_deref());
                Ok((bytes, measures))
            })
            .await
    }

    /// Stores bytes or text under a name.
    ///
    /// # Errors
    /// `TooLarge` for a name over 512 bytes, a value over 25 MiB or metadata over 1024 bytes;
    /// `InvalidArgument` for a lifetime under 60 seconds.
    pub async fn put_bytes(
        &self,
        name: &str,
        value: impl AsRef<[u8]> + Send,
        options: PutOptions,
    ) -> Result<()> {
        self.gate
            .pass("put", None, async {
                self.write(name, value.as_ref(), &options).await
            })
            .await
    }

    /// Forgets what is under a name; nothing there is no error.
    ///
    /// # Errors
    /// `TooLarge` for a name over 512 bytes.
    pub async fn delete_named(&self, name: &str) -> Result<()> {
        self.gate
            .pass("delete", None, async {
                limits::kv_key(name)?;
                self.backend.delete(name).await?;
                Ok(((), Measures::default()))
            })
            .await
    }

    /// A part of the keys.
    ///
    /// # Errors
    /// `InvalidArgument` for a limit outside 1 to 1000.
    pub async fn list(&self, options: ListOptions) -> Result<List> {
        self.gate
            .pass("list", None, async {
                let limit =
                    limits::list_limit(options.limit, limits::kv::LIST_KEYS, limits::kv::PAGE)?;
                let list = self.backend.list(&options, limit).await?;
                let measures = Measures {
                    count: Some(list.keys.len() as u64),
                    ..Measures::default()
                };
                Ok((list, measures))
            })
            .await
    }

    async fn read(
        &self,
        name: &str,
        cache_ttl: Option<Duration>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        limits::kv_key(name)?;
        if let Some(ttl) = cache_ttl
            && ttl.as_secs() < limits::kv::MIN_CACHE_TTL_SECONDS
        {
            let message = format!(
                "a cache lifetime is at least {} seconds; see {}",
                limits::kv::MIN_CACHE_TTL_SECONDS,
                limits::kv::PAGE
            );
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        self.backend.get(name, cache_ttl).await
    }

    async fn write(
        &self,
        name: &str,
        value: &[u8],
        options: &PutOptions,
    ) -> Result<((), Measures), Failure> {
        limits::kv_key(name)?;
        limits::bytes(
            "the value",
            value.len(),
            limits::kv::VALUE_BYTES,
            limits::kv::PAGE,
        )?;
        let metadata = options.metadata.as_ref().map(ToString::to_string);
        limits::bytes(
            "the metadata",
            metadata.as_ref().map_or(0, String::len),
            limits::kv::METADATA_BYTES,
            limits::kv::PAGE,
        )?;
        if let Some(ttl) = options.ttl
            && ttl.as_secs() < limits::kv::MIN_TTL_SECONDS
        {
            let message = format!(
                "a value is kept for at least {} seconds; see {}",
                limits::kv::MIN_TTL_SECONDS,
                limits::kv::PAGE
            );
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        self.backend
            .put(name, value, options.ttl, metadata.as_deref())
            .await?;
        Ok((
            (),
            Measures {
                bytes: Some(value.len() as u64),
                ..Measures::default()
            },
        ))
    }
}

fn measures(bytes: Option<&[u8]>) -> Measures {
    Measures {
        hit: Some(bytes.is_some()),
        bytes: bytes.map(|bytes| bytes.len() as u64),
        ..Measures::default()
    }
}

fn decode<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        Failure::because(
            ErrorKind::Decode,
            format!("what is stored under `{name}` does not fit its type: {error}"),
            error,
        )
    })
}
