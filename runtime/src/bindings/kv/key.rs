//! Keys: derived types, and plain names.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{Bytes, Codec, Json, Text};

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

/// The names of the keys to list: those with a prefix.
///
/// The derive of [`KvKey`] adds `prefix()` to the key: the text before its first field. A key of
/// several fields has a function for each leading field as well, such as `prefix_by_tenant`.
/// [`prefix`] returns one for plain names.
pub struct Prefix<K> {
    pub(super) text: Cow<'static, str>,
    key: PhantomData<fn() -> K>,
}

impl<K> fmt::Debug for Prefix<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Prefix").field(&self.text).finish()
    }
}

impl<K> Prefix<K> {
    #[doc(hidden)]
    #[must_use]
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            key: PhantomData,
        }
    }
}

// Plain names

/// A key of any namespace, which [`text`], [`bytes`] or [`json`] returns.
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

/// The type of a binding, with the binding's name as a type.
#[doc(hidden)]
pub trait Binding: 'static {
    /// The name.
    type Name;
}

/// The name of a binding as a type.
#[doc(hidden)]
#[derive(Debug)]
pub struct Named<const ID: u64>(());

/// A key of the namespace with a name. Derived with [`KvKey`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key of this KV namespace",
    label = "not a key of this namespace",
    note = "a key derives `KvKey`, and `#[kv(binding = ...)]` names its namespace",
    note = "for a plain name use `kv::text(name)`, `kv::bytes(name)` or `kv::json::<T>(name)`"
)]
pub trait KeyOf<Name> {}

// The names of derived keys

/// A field of a key that another field follows. It displays the separator between them, and `%`, as
/// `%` and hexadecimal digits, so that different fields have different keys.
#[doc(hidden)]
#[derive(Debug)]
pub struct KeyPart<'a, T: ?Sized>(pub &'a T, pub char);

impl<T: fmt::Display + ?Sized> fmt::Display for KeyPart<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = self.1;
        let mut escape = Escape {
            formatter,
            separator,
        };
        write!(escape, "{}", self.0)
    }
}

/// Escapes what is written to it.
struct Escape<'a, 'f> {
    formatter: &'a mut fmt::Formatter<'f>,
    separator: char,
}

impl fmt::Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character != '%' && character != self.separator {
                self.formatter.write_char(character)?;
                continue;
            }
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                write!(self.formatter, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// The type of a field that is read from the name of a key.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a field of the type `{Self}` cannot be read from the name of a key",
    label = "does not implement `FromStr`",
    note = "implement `FromStr` for it, or write `parse = false` in `#[kv(...)]`"
)]
pub trait KeyField: Sized {
    /// Returns the field with a text.
    fn read(text: &str) -> Option<Self>;
}

impl<T: FromStr> KeyField for T {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// The name of a key while it is read from its start.
#[doc(hidden)]
#[derive(Debug)]
pub struct NameReader<'a>(&'a str);

impl<'a> NameReader<'a> {
    #[must_use]
    pub fn new(name: &'a str) -> Self {
        Self(name)
    }

    /// Reads a text between fields.
    #[must_use]
    pub fn literal(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// Reads a field that another field follows.
    #[must_use]
    pub fn field<T: KeyField>(&mut self, separator: char) -> Option<T> {
        let (field, _) = self.0.split_once(separator)?;
        self.0 = &self.0[field.len()..];
        T::read(&unescape(field)?)
    }

    /// Reads the last field and the text after it.
    #[must_use]
    pub fn last<T: KeyField>(&mut self, after: &str) -> Option<T> {
        let field = self.0.strip_suffix(after)?;
        self.0 = "";
        T::read(field)
    }

    /// Returns the key if its name is the name that was read: `07` is not the name of the key 7.
    #[must_use]
    pub fn finish<K: KvKey>(self, key: K, name: &str) -> Option<K> {
        let is_complete = self.0.is_empty() && key.name() == name;
        is_complete.then_some(key)
    }
}

/// Reverses [`KeyPart`].
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }

    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::{KeyPart, NameReader, unescape};

    #[test]
    fn different_fields_make_different_keys() {
        let key = |tenant: &str, name: &str| format!("{}:{name}", KeyPart(&tenant, ':'));
        assert_eq!(key("a", "b:c"), "a:b:c");
        assert_eq!(key("a:b", "c"), "a%3Ab:c");
        assert_eq!(key("a%3Ab", "c"), "a%253Ab:c");
        assert_eq!(KeyPart(&"é→e", '→').to_string(), "é%E2%86%92e");
        assert_eq!(KeyPart(&-21, '1').to_string(), "-2%31");
    }

    #[test]
    fn fields_are_read_as_they_were_written() {
        for field in ["a", "a:b", "a%3Ab", "é→e", "%", ""] {
            let written = KeyPart(field, ':').to_string();
            assert_eq!(unescape(&written).as_deref(), Some(field));

            let name = format!("x/{written}:rest:of it/");
            let mut reader = NameReader::new(&name);
            assert_eq!(reader.literal("x/"), Some(()));
            assert_eq!(reader.field::<String>(':').as_deref(), Some(field));
            assert_eq!(reader.literal(":"), Some(()));
            let last = reader.last::<String>("/");
            assert_eq!(last.as_deref(), Some("rest:of it"));
        }
        for malformed in ["%", "%3", "%zz", "%FF"] {
            assert_eq!(unescape(malformed), None);
        }
    }
}
