//! R2: objects that are streamed in and out.
//!
//! <https://developers.cloudflare.com/r2/api/workers/workers-api-reference/>

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http_body_util::BodyExt;

pub use super::list::ListOptions;
use crate::backend::{self, Backend};
use crate::bindings::{BindingKind, Connect};
use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::http::Body;
use crate::limits;
use crate::observe::{Gate, Measures};

/// An R2 bucket.
#[derive(Debug, Clone)]
pub struct R2 {
    gate: Gate,
    backend: backend::R2,
}

/// What is kept beside an object, and what it may be.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PutOptions {
    /// The `Content-Type`.
    pub content_type: Option<String>,
    /// The `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// Names and values of the application's own: at most 8192 bytes together.
    pub custom_metadata: BTreeMap<String, String>,
    /// How many bytes the object may have: one more, and nothing is stored.
    pub max_bytes: Option<u64>,
}

impl PutOptions {
    /// With a `Content-Type`.
    #[must_use]
    pub fn content_type(mut self, value: impl Into<String>) -> Self {
        self.content_type = Some(value.into());
        self
    }

    /// With a `Content-Disposition`.
    #[must_use]
    pub fn content_disposition(mut self, value: impl Into<String>) -> Self {
        self.content_disposition = Some(value.into());
        self
    }

    /// With a name and value of the application's own.
    #[must_use]
    pub fn custom_metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.custom_metadata.insert(name.into(), value.into());
        self
    }

    /// With a bound on the object's bytes.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }
}

/// What is known of an object without its content.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// When it was stored.
    pub uploaded: SystemTime,
    /// The `Content-Type`.
    pub content_type: Option<String>,
    /// The `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// The application's own names and values.
    pub custom_metadata: BTreeMap<String, String>,
}

/// An object: what is known of it, and its content as a stream.
pub struct Object {
    /// What is known of it.
    pub info: ObjectInfo,
    /// Its content, read as it is asked for. Can be the body of a response.
    pub body: Body,
    binding: &'static str,
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
    /// The whole content.
    ///
    /// # Errors
    /// When the stream breaks off.
    pub async fn bytes(self) -> Result<Bytes> {
        let binding = self.binding;
        let collected = self.body.collect().await.map_err(|error| {
            let failure = Failure::because(ErrorKind::Unavailable, "the content broke off", error);
            Error::new(Service::R2, binding, "get", None, failure)
        })?;
        Ok(collected.to_bytes())
    }

    /// The whole content as text.
    ///
    /// # Errors
    /// When the stream breaks off, or `Decode` when it is not UTF-8.
    pub async fn text(self) -> Result<String> {
        let binding = self.binding;
        let bytes = self.bytes().await?;
        String::from_utf8(bytes.to_vec()).map_err(|error| {
            Error::new(
                Service::R2,
                binding,
                "get",
                None,
                Failure::because(ErrorKind::Decode, "the content is not UTF-8", error),
            )
        })
    }
}

/// A part of the objects, in the order of their keys.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct List {
    /// The objects.
    pub objects: Vec<ObjectInfo>,
    /// Where to go on; `None` when this was the last part.
    pub cursor: Option<String>,
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

    /// Stores what `content` gives, as it comes: never more than one part of 5 MiB is held in memory.
    ///
    /// The object appears as a whole when the stream has ended. A stream that breaks off, or that
    /// passes `options.max_bytes`, leaves what was there before.
    ///
    /// # Errors
    /// `TooLarge` for more than `options.max_bytes`, a key over 1024 bytes or metadata over 8192;
    /// `InvalidArgument` when the stream breaks off.
    pub fn put<'a, 'c: 'a>(
        &'a self,
        key: &'a str,
        content: impl Into<Content<'c>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<ObjectInfo>> {
        let content = content.into();
        Box::pin(async move {
            let work = async {
                limits::key(key, limits::r2::KEY_BYTES, limits::r2::PAGE)?;
                let metadata = options
                    .custom_metadata
                    .iter()
                    .map(|(name, value)| name.len() + value.len())
                    .sum();
                limits::bytes(
                    "the metadata",
                    metadata,
                    limits::r2::METADATA_BYTES,
                    limits::r2::PAGE,
                )?;
                let info = self
                    .backend
                    .put(key, Upload::new(content, options.max_bytes), &options)
                    .await?;
                let measures = Measures {
                    bytes: Some(info.size),
                    ..Measures::default()
                };
                Ok((info, measures))
            };
            self.gate.pass("put", None, work).await
        })
    }

    /// The object under a key, or `None`.
    ///
    /// # Errors
    /// `TooLarge` for a key over 1024 bytes.
    pub async fn get(&self, key: &str) -> Result<Option<Object>> {
        let binding = self.gate.binding();
        self.gate
            .pass("get", None, async {
                limits::key(key, limits::r2::KEY_BYTES, limits::r2::PAGE)?;
                let found = self.backend.get(key).await?;
                let bytes = found.as_ref().map(|(info, _)| info.size);
                let measures = Measures {
                    hit: Some(found.is_some()),
                    bytes,
                    ..Measures::default()
                };
                Ok((
                    found.map(|(info, body)| Object {
                        info,
                        body,
                        binding,
                    }),
                    measures,
                ))
            })
            .await
    }

    /// What is known of the object under a key, or `None`.
    ///
    /// # Errors
    /// `TooLarge` for a key over 1024 bytes.
    pub async fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        self.gate
            .pass("head", None, async {
                limits::key(key, limits::r2::KEY_BYTES, limits::r2::PAGE)?;
                let info = self.backend.head(key).await?;
                let measures = Measures {
                    hit: Some(info.is_some()),
                    ..Measures::default()
                };
                Ok((info, measures))
            })
            .await
    }

    /// Deletes up to 1000 objects; a key without one is no error.
    ///
    /// # Errors
    /// `TooLarge` for more than 1000 keys, or a key over 1024 bytes.
    pub fn delete<'a, K: AsRef<str>>(&'a self, keys: &'a [K]) -> BoxFuture<'a, Result<()>> {
        let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        Box::pin(async move {
            let work = async {
                if keys.len() > limits::r2::DELETE_KEYS {
                    return Err(Failure::limit(
                        "the call",
                        format_args!("{} keys", keys.len()),
                        limits::r2::DELETE_KEYS,
                        limits::r2::PAGE,
                    ));
                }
                for key in &keys {
                    limits::key(key, limits::r2::KEY_BYTES, limits::r2::PAGE)?;
                }
                if !keys.is_empty() {
                    self.backend.delete(&keys).await?;
                }
                Ok((
                    (),
                    Measures {
                        count: Some(keys.len() as u64),
                        ..Measures::default()
                    },
                ))
            };
            self.gate.pass("delete", None, work).await
        })
    }

    /// A part of the objects.
    ///
    /// # Errors
    /// `InvalidArgument` for a limit outside 1 to 1000.
    pub async fn list(&self, options: ListOptions) -> Result<List> {
        self.gate
            .pass("list", None, async {
                let limit =
                    limits::list_limit(options.limit, limits::r2::LIST_KEYS, limits::r2::PAGE)?;
                let list = self.backend.list(&options, limit).await?;
                let measures = Measures {
                    count: Some(list.objects.len() as u64),
                    ..Measures::default()
                };
                Ok((list, measures))
            })
            .await
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What is put into a bucket: bytes, text, a body, or any [stream](Self::stream) of bytes.
pub struct Content<'c>(BoxStream<'c, Result<Bytes, BoxError>>);

impl fmt::Debug for Content<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Content").finish_non_exhaustive()
    }
}

impl<'c> Content<'c> {
    /// A stream of bytes, such as a field of a multipart form.
    pub fn stream<E: Into<BoxError> + 'c>(
        stream: impl Stream<Item = Result<Bytes, E>> + Send + 'c,
    ) -> Self {
        Self(stream.map_err(Into::into).boxed())
    }

    fn once(bytes: Bytes) -> Self {
        Self(futures_util::stream::once(async { Ok(bytes) }).boxed())
    }
}

impl From<Body> for Content<'_> {
    fn from(body: Body) -> Self {
        Self::stream(body.into_data_stream())
    }
}

impl From<Bytes> for Content<'_> {
    fn from(bytes: Bytes) -> Self {
        Self::once(bytes)
    }
}

impl From<Vec<u8>> for Content<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::once(bytes.into())
    }
}

impl From<String> for Content<'_> {
    fn from(text: String) -> Self {
        Self::once(text.into())
    }
}

impl From<&str> for Content<'_> {
    fn from(text: &str) -> Self {
        Self::once(Bytes::copy_from_slice(text.as_bytes()))
    }
}

/// A content on its way into a bucket: its chunks, counted.
pub(crate) struct Upload<'c> {
    content: Content<'c>,
    seen: u64,
    most: Option<u64>,
}

impl<'c> Upload<'c> {
    fn new(content: Content<'c>, most: Option<u64>) -> Self {
        Self {
            content,
            seen: 0,
            most,
        }
    }

    /// The next chunk; `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(chunk) = self.content.0.next().await else {
            return Ok(None);
        };
        let chunk = chunk.map_err(|error| {
            Failure::because(
                ErrorKind::InvalidArgument,
                format!("the upload broke off: {error}"),
                error,
            )
        })?;
        self.seen += chunk.len() as u64;
        if let Some(most) = self.most.filter(|most| self.seen > *most) {
            return Err(Failure::new(
                ErrorKind::TooLarge,
                format!("the content has more than {most} bytes"),
            ));
        }
        Ok(Some(chunk))
    }
}
