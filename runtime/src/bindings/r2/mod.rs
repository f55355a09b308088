//! R2: objects whose content is streamed in both directions.
//!
//! <https://developers.cloudflare.com/r2/api/workers/workers-api-reference/>

mod types;

use futures_util::future::BoxFuture;

pub use super::content::Content;
pub(crate) use super::content::Upload;
pub use super::list::ListOptions;
use crate::backend::{self, Backend};
use crate::bindings::{BindingKind, Connect};
use crate::error::{Failure, Result};
use crate::limits;
use crate::observe::{Gate, Measures};

pub use types::{List, Object, ObjectInfo, PutOptions};

/// An R2 bucket.
///
/// Every operation with a key fails with an error of kind `InvalidArgument` if the key is empty,
/// and of kind `TooLarge` if the key has more than 1024 bytes.
///
/// <https://developers.cloudflare.com/r2/platform/limits/>
#[derive(Debug, Clone)]
pub struct R2 {
    gate: Gate,
    backend: backend::R2,
}

impl Connect for R2 {
    const KIND: BindingKind = BindingKind::R2;

    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String> {
        Ok(Self::new(gate, backend.r2(binding)?))
    }
}

impl R2 {
    pub(crate) fn new(gate: Gate, backend: backend::R2) -> Self {
        Self { gate, backend }
    }

    /// Stores an object, and replaces the object with the same key.
    ///
    /// The content is streamed: at most one part of 5 MiB is held in memory. The object appears as
    /// a whole at the end of the stream. If the stream ends early, the previous object remains.
    ///
    /// # Errors
    /// `InvalidArgument` if the stream ends early. See also [`R2`].
    ///
    /// # Examples
    /// ```
    /// # async fn f(storage: &bindery::r2::R2) -> bindery::Result<()> {
    /// let stored = storage.put("notes/1.txt", "buy milk").await?;
    /// println!("{} bytes, etag {}", stored.size, stored.etag);
    /// # Ok(()) }
    /// ```
    pub fn put<'a, 'c: 'a>(
        &'a self,
        key: &'a str,
        content: impl Into<Content<'c>>,
    ) -> BoxFuture<'a, Result<ObjectInfo>> {
        self.put_with(key, content, PutOptions::default())
    }

    /// Stores an object like [`put`](Self::put), with options.
    ///
    /// # Errors
    /// `TooLarge` if the content has more bytes than [`PutOptions::max_bytes`], or the metadata
    /// more than 8192 bytes; the previous object is unchanged. `InvalidArgument` if the stream ends
    /// early. See also [`R2`].
    ///
    /// # Examples
    /// ```
    /// # async fn f(storage: &bindery::r2::R2, upload: bindery::Body) -> bindery::Result<()> {
    /// use bindery::r2::PutOptions;
    ///
    /// let options = PutOptions::default()
    ///     .content_type("image/png")
    ///     .max_bytes(10_000_000);
    /// storage.put_with("logo.png", upload, options).await?;
    /// # Ok(()) }
    /// ```
    pub fn put_with<'a, 'c: 'a>(
        &'a self,
        key: &'a str,
        content: impl Into<Content<'c>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<ObjectInfo>> {
        let content = content.into();
        Box::pin(async move {
            let work = async {
                check_key(key)?;
                check_metadata(&options)?;

                let upload = Upload::new(content, options.max_bytes)?;
                let info = self.backend.put(key, upload, &options).await?;
                let measures = Measures {
                    bytes: Some(info.size),
                    ..Measures::default()
                };
                Ok((info, measures))
            };
            self.gate.pass("put", None, work).await
        })
    }

    /// Returns the object with a key, or `None` if the key does not exist.
    ///
    /// # Errors
    /// See [`R2`].
    ///
    /// # Examples
    /// ```
    /// # async fn f(storage: &bindery::r2::R2) -> bindery::Result<()> {
    /// if let Some(object) = storage.get("notes/1.txt").await? {
    ///     println!("{}", object.text().await?);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn get(&self, key: &str) -> Result<Option<Object>> {
        let binding = self.gate.binding();
        let work = async {
            check_key(key)?;
            let found = self.backend.get(key).await?;

            let object = found.map(|(info, body)| Object {
                info,
                body,
                binding,
            });
            let measures = Measures {
                hit: Some(object.is_some()),
                bytes: object.as_ref().map(|object| object.info.size),
                ..Measures::default()
            };
            Ok((object, measures))
        };
        self.gate.pass("get", None, work).await
    }

    /// Returns the description of the object with a key, or `None` if the key does not exist.
    ///
    /// # Errors
    /// See [`R2`].
    ///
    /// # Examples
    /// ```
    /// # async fn f(storage: &bindery::r2::R2) -> bindery::Result<()> {
    /// let exists = storage.head("notes/1.txt").await?.is_some();
    /// # Ok(()) }
    /// ```
    pub async fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        let work = async {
            check_key(key)?;
            let info = self.backend.head(key).await?;
            let measures = Measures {
                hit: Some(info.is_some()),
                ..Measures::default()
            };
            Ok((info, measures))
        };
        self.gate.pass("head", None, work).await
    }

    /// Deletes up to 1000 objects. Deleting a missing key is not an error.
    ///
    /// # Errors
    /// `TooLarge` if there are more than 1000 keys. See also [`R2`].
    ///
    /// # Examples
    /// ```
    /// # async fn f(storage: &bindery::r2::R2) -> bindery::Result<()> {
    /// storage.delete(&["notes/1.txt", "notes/2.txt"]).await?;
    /// # Ok(()) }
    /// ```
    pub fn delete<'a, K: AsRef<str>>(&'a self, keys: &'a [K]) -> BoxFuture<'a, Result<()>> {
        let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        Box::pin(async move {
            let work = async {
                check_keys(&keys)?;
                if !keys.is_empty() {
                    self.backend.delete(&keys).await?;
                }

                let measures = Measures {
                    count: Some(keys.len() as u64),
                    ..Measures::default()
                };
                Ok(((), measures))
            };
            self.gate.pass("delete", None, work).await
        })
    }

    /// Returns the first page of objects: at most 1000.
    ///
    /// # Errors
    /// Any error of the platform.
    ///
    /// # Examples
    /// ```
    /// # async fn f(storage: &bindery::r2::R2) -> bindery::Result<()> {
    /// for object in storage.list().await?.objects {
    ///     println!("{} has {} bytes", object.key, object.size);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn list(&self) -> Result<List> {
        self.list_with(ListOptions::default()).await
    }

    /// Returns a page of objects, with options.
    ///
    /// # Errors
    /// `InvalidArgument` if the limit is not between 1 and 1000.
    ///
    /// # Examples
    /// ```
    /// # async fn f(storage: &bindery::r2::R2) -> bindery::Result<()> {
    /// use bindery::r2::ListOptions;
    ///
    /// let options = ListOptions::default().prefix("notes/").limit(100);
    /// let page = storage.list_with(options).await?;
    /// # Ok(()) }
    /// ```
    pub async fn list_with(&self, options: ListOptions) -> Result<List> {
        let work = async {
            let limit = limits::list_limit(options.limit, limits::r2::LIST_KEYS, limits::r2::PAGE)?;
            let list = self.backend.list(&options, limit).await?;
            let measures = Measures {
                count: Some(list.objects.len() as u64),
                ..Measures::default()
            };
            Ok((list, measures))
        };
        self.gate.pass("list", None, work).await
    }
}

fn check_key(key: &str) -> Result<(), Failure> {
    limits::key(key, limits::r2::KEY_BYTES, limits::r2::PAGE)
}

fn check_keys(keys: &[&str]) -> Result<(), Failure> {
    let limit = limits::r2::DELETE_KEYS;
    if keys.len() > limit {
        let found = format!("{} keys", keys.len());
        return Err(Failure::limit("the call", found, limit, limits::r2::PAGE));
    }
    for key in keys {
        check_key(key)?;
    }
    Ok(())
}

fn check_metadata(options: &PutOptions) -> Result<(), Failure> {
    let metadata = options.custom_metadata.iter();
    let bytes = metadata.map(|(name, value)| name.len() + value.len()).sum();
    limits::bytes(
        "the metadata",
        bytes,
        limits::r2::METADATA_BYTES,
        limits::r2::PAGE,
    )
}
