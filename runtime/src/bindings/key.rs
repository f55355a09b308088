//! The names of keys in KV and R2: bindings as types, prefixes, and how a derived key is written
//! and read.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::marker::PhantomData;
use std::str::FromStr;

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

/// The names of the keys to list: those with a prefix.
///
/// The derive of a key adds `prefix()` to it: the text before its first field. A key of several
/// fields has a function for each leading field as well, such as `prefix_by_tenant`.
/// [`kv::prefix`](crate::kv::prefix) and [`r2::prefix`](crate::r2::prefix) return one for plain
/// names.
pub struct Prefix<K> {
    pub(crate) text: Cow<'static, str>,
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
    note = "implement `FromStr` for it, or write `parse = false` in the attribute of the key"
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

    /// Returns the key if it is written as it was read: `07` is not the name of the key 7.
    #[must_use]
    pub fn finish<K>(self, key: K, is_same: impl FnOnce(&K) -> bool) -> Option<K> {
        (self.0.is_empty() && is_same(&key)).then_some(key)
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
