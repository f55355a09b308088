//! The options and results of KV operations, and the traits of typed keys.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

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
    /// The type of the value, which is stored as JSON.
    type Value: Serialize + DeserializeOwned + Send;

    /// Returns the name of the key in the namespace.
    fn name(&self) -> Cow<'_, str>;

    /// Returns the time after which a value expires: at least 60 seconds.
    ///
    /// `None` stores values without an expiration.
    fn ttl(&self) -> Option<Duration> {
        None
    }
}

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
    note = "for a plain name use `get_text`, `get_bytes`, `put_bytes` or `delete_named`"
)]
pub trait KeyOf<Name> {}

/// A field of a key that another field follows. It displays the separator between them, and `%`, as
/// `%` and hexadecimal digits, so that different fields have different keys.
#[doc(hidden)]
#[derive(Debug)]
pub struct KeyPart<'a, T>(pub &'a T, pub char);

impl<T: fmt::Display> fmt::Display for KeyPart<'_, T> {
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

/// The options of [`get_bytes_with`](super::Kv::get_bytes_with) and
/// [`get_text_with`](super::Kv::get_text_with).
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use bindery::kv::GetOptions;
///
/// let options = GetOptions::default().cache_ttl(Duration::from_secs(300));
/// assert_eq!(options.cache_ttl, Some(Duration::from_secs(300)));
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct GetOptions {
    /// The time for which a Cloudflare location may return its cached value: at least 30 seconds.
    pub cache_ttl: Option<Duration>,
}

impl GetOptions {
    /// Allows a Cloudflare location to return its cached value for `ttl`: at least 30 seconds.
    ///
    /// A fraction of a second is ignored.
    ///
    /// <https://developers.cloudflare.com/kv/api/read-key-value-pairs/#cachettl-parameter>
    #[must_use]
    pub fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = Some(ttl);
        self
    }
}

/// The options of [`put_bytes_with`](super::Kv::put_bytes_with).
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use bindery::kv::PutOptions;
///
/// let options = PutOptions::default()
///     .ttl(Duration::from_secs(3600))
///     .metadata(serde_json::json!({ "owner": "ann" }));
/// assert_eq!(options.ttl, Some(Duration::from_secs(3600)));
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PutOptions {
    /// The time after which the value expires: at least 60 seconds. `None` stores the value
    /// without an expiration.
    pub ttl: Option<Duration>,
    /// JSON of at most 1024 bytes, which lists return with the key.
    pub metadata: Option<serde_json::Value>,
}

impl PutOptions {
    /// Stores the value for `ttl`: at least 60 seconds.
    ///
    /// A fraction of a second is ignored.
    ///
    /// <https://developers.cloudflare.com/kv/api/write-key-value-pairs/#expiring-keys>
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Stores JSON of at most 1024 bytes with the key, which lists return.
    ///
    /// <https://developers.cloudflare.com/kv/api/write-key-value-pairs/#metadata>
    #[must_use]
    pub fn metadata(mut self, metadata: serde_json::Value) -> Self {
        self.metadata = Some(metadata);
        self
    }
}

/// A page of keys, in the order of their bytes.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct List {
    /// The keys.
    pub keys: Vec<ListedKey>,
    /// The cursor of the next page; `None` on the last page.
    pub cursor: Option<String>,
}

/// A key in a list.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ListedKey {
    /// The name of the key.
    pub name: String,
    /// The time at which the key expires, in seconds since the Unix epoch.
    pub expiration: Option<u64>,
    /// The metadata that was stored with the value.
    pub metadata: Option<serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::KeyPart;

    #[test]
    fn different_fields_make_different_keys() {
        let key = |tenant: &str, name: &str| format!("{}:{name}", KeyPart(&tenant, ':'));
        assert_eq!(key("a", "b:c"), "a:b:c");
        assert_eq!(key("a:b", "c"), "a%3Ab:c");
        assert_eq!(key("a%3Ab", "c"), "a%253Ab:c");
        assert_eq!(KeyPart(&"é→e", '→').to_string(), "é%E2%86%92e");
        assert_eq!(KeyPart(&-21, '1').to_string(), "-2%31");
    }
}
