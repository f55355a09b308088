//! Keys: derived types, and plain names.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{Bytes, Codec, Json, Text};
use crate::bindings::key::Prefix;

/// A key of one namespace, with the type of its value. Derive it.
///
/// Different fields make different keys. In a key of several fields, the text of a field that
/// another field follows is escaped: with `key = "{tenant}:{name}"`, a tenant `a:b` is `a%3Ab` in
/// the name of the key. The last field is never escaped.
///
/// # Examples
/// ```ignore
/// #[derive(bindery::KvKey)]
/// #[kv(binding = CACHE, key = "session:{id}", value = Session, ttl = "1h")]
/// struct SessionKey<'a> { id: &'a str }
///
/// let session: Option<Session> = env.cache.get(&SessionKey { id: "x" }).await?;
/// ```
pub trait KvKey {
    /// How the value is stored.
    type Codec: Codec;

    /// The type of the metadata, which is stored as JSON of at most 1024 bytes.
    type Metadata: Serialize + DeserializeOwned + Send;

    /// Returns the name of the key in the namespace.
    fn name(&self) -> Cow<'_, str>;

    /// Returns the time after which a value expires: at least 60 seconds.
    ///
    /// `None` stores values without an expiration.
    fn ttl(&self) -> Option<Duration> {
        None
    }

    /// Returns the time for which a Cloudflare location may return its cached value: at least 30
    /// seconds.
    ///
    /// `None` is the default of the platform: 60 seconds.
    fn cache_ttl(&self) -> Option<Duration> {
        None
    }
}

/// The type that [`Kv::get`](super::Kv::get) returns for a key.
pub type ValueOf<K> = <<K as KvKey>::Codec as Codec>::Value;

/// The type that [`Kv::put`](super::Kv::put) takes a reference to for a key.
pub type InputOf<K> = <<K as KvKey>::Codec as Codec>::Input;

/// A key that can be read from its name. Derived with [`KvKey`] for a struct without lifetimes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from the name of a key",
    label = "cannot be read from a name",
    note = "the derive of `KvKey` implements this for a struct that has no lifetimes, unless \
            `#[kv(...)]` contains `parse = false`"
)]
pub trait ParseKey: KvKey + Sized {
    /// Returns the key with a name, or `None` if no key has the name.
    fn parse(name: &str) -> Option<Self>;
}

// Plain names

/// A key of any namespace, which [`text()`], [`bytes()`] or [`json()`] returns.
pub struct Name<'a, C> {
    name: &'a str,
    codec: PhantomData<fn() -> C>,
}

impl<C> fmt::Debug for Name<'_, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Name").field(&self.name).finish()
    }
}

impl<C: Codec> KvKey for Name<'_, C> {
    type Codec = C;
    type Metadata = serde_json::Value;

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.name)
    }
}

impl<C: Codec, N> KeyOf<N> for Name<'_, C> {}

/// Returns the key of a text, in any namespace.
///
/// # Examples
/// ```
/// # use bindery::__private::Binding;
/// # use bindery::kv::{self, Kv};
/// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
/// cache.put(&kv::text("greeting"), "hello").await?;
/// let greeting: Option<String> = cache.get(&kv::text("greeting")).await?;
/// # Ok(()) }
/// ```
#[must_use]
pub fn text(name: &str) -> Name<'_, Text> {
    named(name)
}

/// Returns the key of bytes, in any namespace.
///
/// # Examples
/// ```
/// # use bindery::__private::Binding;
/// # use bindery::kv::{self, Kv};
/// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
/// let logo: Option<Vec<u8>> = cache.get(&kv::bytes("logo.png")).await?;
/// # Ok(()) }
/// ```
#[must_use]
pub fn bytes(name: &str) -> Name<'_, Bytes> {
    named(name)
}

/// Returns the key of a JSON value, in any namespace.
///
/// # Examples
/// ```
/// # use bindery::__private::Binding;
/// # use bindery::kv::{self, Kv};
/// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
/// let scores = cache.get(&kv::json::<Vec<u32>>("scores")).await?;
/// # Ok(()) }
/// ```
#[must_use]
pub fn json<T: Serialize + DeserializeOwned + Send + 'static>(name: &str) -> Name<'_, Json<T>> {
    named(name)
}

/// Returns the prefix of plain names.
///
/// # Examples
/// ```
/// # use bindery::__private::Binding;
/// # use bindery::kv::{self, Kv};
/// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
/// let page = cache.list(kv::prefix("session:")).page().await?;
/// # Ok(()) }
/// ```
#[must_use]
pub fn prefix(text: impl Into<String>) -> Prefix<Name<'static, Text>> {
    Prefix::new(text.into())
}

fn named<C>(name: &str) -> Name<'_, C> {
    Name {
        name,
        codec: PhantomData,
    }
}

// The namespace of a key

/// A key of the namespace with a name. Derived with [`KvKey`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key of this KV namespace",
    label = "not a key of this namespace",
    note = "a key derives `KvKey`, and `#[kv(binding = ...)]` names its namespace",
    note = "for a plain name use `kv::text(name)`, `kv::bytes(name)` or `kv::json::<T>(name)`"
)]
pub trait KeyOf<Name>: KvKey {}
