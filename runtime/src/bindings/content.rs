//! Content to store in R2 or KV.

use std::fmt;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http_body::Body as _;
use http_body_util::BodyExt;

use crate::error::{ErrorKind, Failure, Result};
use crate::http::Body;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Content to store: bytes, text, a body, or a [stream](Self::stream) of bytes.
pub struct Content<'c> {
    source: Source<'c>,
    length: Option<u64>,
}

enum Source<'c> {
    Whole(Bytes),
    Body(Body),
    Stream(BoxStream<'c, Result<Bytes, BoxError>>),
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Content")
            .field("length", &self.length)
            .finish_non_exhaustive()
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
        Self {
            source: Source::Stream(stream.map_err(Into::into).boxed()),
            length: None,
        }
    }

    /// Declares the number of bytes of a stream.
    ///
    /// A call that stores the content fails if it has more or fewer bytes.
    #[must_use]
    pub fn with_length(mut self, bytes: u64) -> Self {
        self.length = Some(bytes);
        self
    }

    fn whole(bytes: Bytes) -> Self {
        Self {
            length: Some(bytes.len() as u64),
            source: Source::Whole(bytes),
        }
    }
}

impl From<Body> for Content<'_> {
    fn from(body: Body) -> Self {
        Self {
            length: body.size_hint().exact(),
            source: Source::Body(body),
        }
    }
}

impl From<Bytes> for Content<'_> {
    fn from(bytes: Bytes) -> Self {
        Self::whole(bytes)
    }
}

impl From<Vec<u8>> for Content<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::whole(bytes.into())
    }
}

impl From<String> for Content<'_> {
    fn from(text: String) -> Self {
        Self::whole(text.into())
    }
}

impl From<&str> for Content<'_> {
    fn from(text: &str) -> Self {
        Self::whole(Bytes::copy_from_slice(text.as_bytes()))
    }
}

/// Content that a backend stores, with a limit on its bytes.
pub(crate) struct Upload<'c> {
    content: Content<'c>,
    bytes_read: u64,
    max_bytes: Option<u64>,
    /// The most bytes of content whose length is not known, and what limits them.
    max_unknown: Option<(u64, &'static str)>,
}

impl<'c> Upload<'c> {
    /// Fails if the content declares more bytes than the limit.
    pub(crate) fn new(content: Content<'c>, max_bytes: Option<u64>) -> Result<Self, Failure> {
        match (content.length, max_bytes) {
            (Some(length), Some(max_bytes)) if length > max_bytes => Err(too_large(max_bytes)),
            _ => Ok(Self {
                content,
                bytes_read: 0,
                max_bytes,
                max_unknown: None,
            }),
        }
    }

    /// Returns the number of bytes, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.content.length
    }

    /// Requires a known length of content with more than `bytes` bytes. `reason` is the noun of
    /// what requires it, with an article.
    pub(crate) fn require_length(&mut self, bytes: usize, reason: &'static str) {
        if self.content.length.is_none() {
            self.max_unknown = Some((bytes as u64, reason));
        }
    }

    /// Returns the content if it is in memory.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn in_memory(&self) -> Option<&Bytes> {
        match &self.content.source {
            Source::Whole(bytes) => Some(bytes),
            Source::Body(_) | Source::Stream(_) => None,
        }
    }

    /// Returns the content if it is a body.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn body_mut(&mut self) -> Option<&mut Body> {
        match &mut self.content.source {
            Source::Body(body) => Some(body),
            Source::Whole(_) | Source::Stream(_) => None,
        }
    }

    /// Returns the next chunk, or `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let chunk = match &mut self.content.source {
            Source::Whole(bytes) if bytes.is_empty() => None,
            Source::Whole(bytes) => Some(std::mem::take(bytes)),
            Source::Body(body) => next_data(body).await.map_err(ended_early)?,
            Source::Stream(stream) => stream.next().await.transpose().map_err(ended_early)?,
        };
        self.bytes_read += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);

        let (is_end, read) = (chunk.is_none(), self.bytes_read);
        match self.content.length {
            Some(length) if read > length || (is_end && read < length) => {
                let message = format!("the content does not have the declared {length} bytes");
                return Err(Failure::new(ErrorKind::InvalidArgument, message));
            }
            Some(_) | None => {}
        }
        if let Some((bytes, reason)) = self.max_unknown.filter(|(bytes, _)| read > *bytes) {
            let message = format!(
                "{reason} of more than {bytes} bytes needs content of a known length: declare it \
                 with `Content::with_length`"
            );
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        match self.max_bytes {
            Some(max_bytes) if read > max_bytes => Err(too_large(max_bytes)),
            Some(_) | None => Ok(chunk),
        }
    }
}

/// Returns the next chunk of a body, without its trailers.
async fn next_data(body: &mut Body) -> Result<Option<Bytes>, axum_core::Error> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn ended_early(error: impl Into<BoxError>) -> Failure {
    let error = error.into();
    let message = format!("the upload ended early: {error}");
    Failure::because(ErrorKind::InvalidArgument, message, error)
}

fn too_large(max_bytes: u64) -> Failure {
    let message = format!("the content has more than {max_bytes} bytes");
    Failure::new(ErrorKind::TooLarge, message)
}
