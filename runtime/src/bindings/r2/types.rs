//! Objects and their descriptions.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;

use super::metadata::{HttpMetadata, Metadata};
use super::options::StorageClass;
use crate::backend;
use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::http::Body;

/// The description of an object, without its content. `M` is the type of the key's metadata.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ObjectInfo<M = Metadata> {
    /// The key.
    pub key: String,
    /// A text that is different for each put.
    pub version: String,
    /// The size in bytes.
    pub size: u64,
    /// The entity tag, without quotes.
    pub etag: String,
    /// The time at which the object was stored.
    pub uploaded: SystemTime,
    /// The headers with which the object is served.
    pub http_metadata: HttpMetadata,
    /// The names and values of the application.
    pub custom_metadata: M,
    /// The checksums with which the object was stored.
    pub checksums: Checksums,
    /// The storage class.
    pub storage_class: StorageClass,
}

/// The checksums of an object, in bytes. R2 computes the MD5 of an object that was not uploaded in
/// parts; it has the others if the put had them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checksums {
    /// MD5
    pub md5: Option<Vec<u8>>,
    /// SHA-1
    pub sha1: Option<Vec<u8>>,
    /// SHA-256
    pub sha256: Option<Vec<u8>>,
    /// SHA-384
    pub sha384: Option<Vec<u8>>,
    /// SHA-512
    pub sha512: Option<Vec<u8>>,
}

impl ObjectInfo {
    /// Returns the description with the metadata of another type.
    pub(super) fn with_metadata<C: super::MetadataCodec>(
        self,
    ) -> Result<ObjectInfo<C::Value>, Failure> {
        let key = &self.key;
        let custom_metadata = C::decode(self.custom_metadata).map_err(|failure| {
            let message = format!("the object `{key}`: {}", failure.message);
            failure.saying(message)
        })?;
        Ok(ObjectInfo {
            custom_metadata,
            key: self.key,
            version: self.version,
            size: self.size,
            etag: self.etag,
            uploaded: self.uploaded,
            http_metadata: self.http_metadata,
            checksums: self.checksums,
            storage_class: self.storage_class,
        })
    }
}

/// An object: its description, and its content as a stream.
#[non_exhaustive]
pub struct Object<M = Metadata> {
    /// The description.
    pub info: ObjectInfo<M>,
    /// The content, which is read on demand. It can be the body of a response.
    pub body: Body,
    /// The offset and the number of bytes of the content in the object.
    pub range: (u64, u64),
    pub(super) binding: Cow<'static, str>,
}

impl<M> fmt::Debug for Object<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Object")
            .field("key", &self.info.key)
            .field("size", &self.info.size)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

impl<M> Object<M> {
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
        read(self.binding, self.body).await
    }

    /// Reads the whole content as text.
    ///
    /// # Errors
    /// `Unavailable` if the stream ends early. `Decode` if the content is not UTF-8.
    pub async fn text(self) -> Result<String> {
        let binding = self.binding.clone();
        let bytes = read(self.binding, self.body).await?;
        String::from_utf8(bytes.to_vec()).map_err(|_| {
            let failure = Failure::new(ErrorKind::Decode, "the content is not UTF-8");
            read_error(&binding, failure)
        })
    }
}

async fn read(binding: Cow<'static, str>, body: Body) -> Result<Bytes> {
    let read = backend::read_body(body).await;
    read.map_err(|failure| read_error(&binding, failure))
}

fn read_error(binding: &str, failure: Failure) -> Error {
    Error::located(Service::R2, binding, "get", None, failure)
}

/// The result of a get with a condition.
#[derive(Debug)]
pub enum Lookup<M = Metadata> {
    /// The key has no object.
    Missing,
    /// The object does not meet the condition.
    Unmatched(ObjectInfo<M>),
    /// The object.
    Found(Object<M>),
}

impl<M> Lookup<M> {
    /// Returns the object, unless it is missing or does not meet the condition.
    #[must_use]
    pub fn found(self) -> Option<Object<M>> {
        match self {
            Self::Found(object) => Some(object),
            Self::Missing | Self::Unmatched(_) => None,
        }
    }
}
