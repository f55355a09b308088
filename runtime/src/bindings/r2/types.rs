//! The options and results of R2 operations.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::BodyExt;

use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::http::Body;

/// The options of [`put_with`](super::R2::put_with).
///
/// # Examples
/// ```
/// use bindery::r2::PutOptions;
///
/// let options = PutOptions::default()
///     .content_type("text/plain")
///     .custom_metadata("owner", "ann")
///     .max_bytes(10_000_000);
/// assert_eq!(options.content_type.as_deref(), Some("text/plain"));
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PutOptions {
    /// The `Content-Type` of the object.
    pub content_type: Option<String>,
    /// The `Content-Disposition` of the object.
    pub content_disposition: Option<String>,
    /// Names and values of the application, of at most 8192 bytes in total.
    pub custom_metadata: BTreeMap<String, String>,
    /// The maximum number of bytes of the object. Nothing is stored if the content has more.
    pub max_bytes: Option<u64>,
}

impl PutOptions {
    /// Sets the `Content-Type` of the object.
    #[must_use]
    pub fn content_type(mut self, value: impl Into<String>) -> Self {
        self.content_type = Some(value.into());
        self
    }

    /// Sets the `Content-Disposition` of the object.
    #[must_use]
    pub fn content_disposition(mut self, value: impl Into<String>) -> Self {
        self.content_disposition = Some(value.into());
        self
    }

    /// Adds a name and a value of the application: at most 8192 bytes in total.
    #[must_use]
    pub fn custom_metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.custom_metadata.insert(name.into(), value.into());
        self
    }

    /// Stores nothing if the content has more than `bytes` bytes.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }
}

/// The description of an object, without its content.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// The key.
    pub key: String,
    /// The size in bytes.
    pub size: u64,
    /// The entity tag, without quotes.
    pub etag: String,
    /// The time at which the object was stored.
    pub uploaded: SystemTime,
    /// The `Content-Type`.
    pub content_type: Option<String>,
    /// The `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// The names and values of the application.
    pub custom_metadata: BTreeMap<String, String>,
}

/// An object: its description, and its content as a stream.
pub struct Object {
    /// The description.
    pub info: ObjectInfo,
    /// The content, which is read on demand. It can be the body of a response.
    pub body: Body,
    pub(super) binding: Cow<'static, str>,
}

impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Object")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl Object {
    /// Reads the whole content.
    ///
    /// # Errors
    /// `Unavailable` if the stream ends early.
    ///
    /// # Examples
    /// ```
    /// # async fn f(object: bindery::r2::Object) -> bindery::Result<()> {
    /// let content = object.bytes().await?;
    /// println!("{} bytes", content.len());
    /// # Ok(()) }
    /// ```
    pub async fn bytes(self) -> Result<Bytes> {
        let binding = self.binding.clone();
        let collected = self.body.collect().await.map_err(|error| {
            let message = "the content ended early";
            let failure = Failure::because(ErrorKind::Unavailable, message, error);
            read_error(&binding, failure)
        })?;
        Ok(collected.to_bytes())
    }

    /// Reads the whole content as text.
    ///
    /// # Errors
    /// `Unavailable` if the stream ends early. `Decode` if the content is not UTF-8.
    pub async fn text(self) -> Result<String> {
        let binding = self.binding.clone();
        let bytes = self.bytes().await?;
        String::from_utf8(bytes.to_vec()).map_err(|_| {
            let failure = Failure::new(ErrorKind::Decode, "the content is not UTF-8");
            read_error(&binding, failure)
        })
    }
}

fn read_error(binding: &str, failure: Failure) -> Error {
    Error::located(Service::R2, binding, "get", None, failure)
}

/// A page of objects, in the order of their keys.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct List {
    /// The objects.
    pub objects: Vec<ObjectInfo>,
    /// The cursor of the next page; `None` on the last page.
    pub cursor: Option<String>,
}
