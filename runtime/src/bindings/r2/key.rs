//! Keys of objects: derived types, and texts.

use std::borrow::Cow;

use super::metadata::{Map, MetadataCodec};
use crate::bindings::key::Prefix;

/// A key of a bucket, with the type of the metadata of its objects. A text is a key of any bucket;
/// derive others.
///
/// Different fields make different keys, as those of [`KvKey`](crate::KvKey) do.
///
/// # Examples
/// ```ignore
/// #[derive(bindery::R2Key)]
/// #[r2(binding = STORAGE, key = "{user}/{id}/{filename}", metadata = FileInfo)]
/// struct FileKey<'a> { user: &'a str, id: i64, filename: &'a str }
///
/// let key = FileKey { user: "ann", id: 7, filename: "a.png" };
/// let object = env.storage.get(&key).await?;
/// ```
pub trait R2Key {
    /// How the metadata is stored.
    type Metadata: MetadataCodec;

    /// Returns the key in the bucket.
    fn key(&self) -> Cow<'_, str>;
}

/// The type of the metadata of a key.
pub type MetadataOf<K> = <<K as R2Key>::Metadata as MetadataCodec>::Value;

impl R2Key for str {
    type Metadata = Map;

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

impl R2Key for String {
    type Metadata = Map;

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

impl<K: R2Key + ?Sized> R2Key for &K {
    type Metadata = K::Metadata;

    fn key(&self) -> Cow<'_, str> {
        K::key(self)
    }
}

/// A key that can be read from the key of an object. Derived with [`R2Key`] for a struct without
/// lifetimes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from the key of an object",
    label = "cannot be read from a key",
    note = "the derive of `R2Key` implements this for a struct that has no lifetimes, unless \
            `#[r2(...)]` contains `parse = false`"
)]
pub trait ParseKey: R2Key + Sized {
    /// Returns the key, or `None` if the text is not a key of this type.
    fn parse(key: &str) -> Option<Self>;
}

/// A key of the bucket with a name. Derived with [`R2Key`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key of this R2 bucket",
    label = "not a key of this bucket",
    note = "a key is a `&str`, or a reference to a type that derives `R2Key` with \
            `#[r2(binding = ...)]` of this bucket"
)]
pub trait KeyOf<Name>: R2Key {}

impl<Name> KeyOf<Name> for str {}
impl<Name> KeyOf<Name> for String {}
impl<Name, K: KeyOf<Name> + ?Sized> KeyOf<Name> for &K {}

/// Returns the prefix of plain keys.
///
/// # Examples
/// ```
/// # use bindery::__private::Binding;
/// # use bindery::r2::{self, R2};
/// # async fn f<B: Binding>(storage: &R2<B>) -> bindery::Result<()> {
/// let page = storage.list(r2::prefix("notes/")).page().await?;
/// # Ok(()) }
/// ```
#[must_use]
pub fn prefix(text: impl Into<String>) -> Prefix<String> {
    Prefix::new(text.into())
}
