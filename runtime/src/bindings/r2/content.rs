//! The content of an object to store.

use std::fmt;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};

use crate::error::{ErrorKind, Failure, Result};
use crate::http::Body;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The content of an object to store: bytes, text, a body, or a [stream](Self::stream) of bytes.
pub struct Content<'c>(BoxStream<'c, Result<Bytes, BoxError>>);

impl fmt::Debug for Content<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Content").finish_non_exhaustive()
    }
}

impl<'c> Content<'c> {
    /// Creates content from a stream of bytes, such as a field of a multipart form.
    ///
    /// # Examples
    /// ```
    /// use bindery::r2::Content;
    ///
    /// # fn f(chunks: impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Send) {
    /// let content = Content::stream(chunks);
    /// # }
    /// ```
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

/// Content that a backend stores, with a limit on its bytes.
pub(crate) struct Upload<'c> {
    content: Content<'c>,
    bytes_read: u64,
    max_bytes: Option<u64>,
}

impl<'c> Upload<'c> {
    pub(super) fn new(content: Content<'c>, max_bytes: Option<u64>) -> Self {
        Self {
            content,
            bytes_read: 0,
            max_bytes,
        }
    }

    /// Returns the next chunk, or `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(chunk) = self.content.0.next().await else {
            return Ok(None);
        };
        let chunk = chunk.map_err(|error| {
            let message = format!("the upload ended early: {error}");
            Failure::because(ErrorKind::InvalidArgument, message, error)
        })?;

        self.bytes_read += chunk.len() as u64;
        match self.max_bytes {
            Some(max_bytes) if self.bytes_read > max_bytes => {
                let message = format!("the content has more than {max_bytes} bytes");
                Err(Failure::new(ErrorKind::TooLarge, message))
            }
            Some(_) | None => Ok(Some(chunk)),
        }
    }
}
