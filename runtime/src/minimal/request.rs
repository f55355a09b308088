//! A request whose parts are read when they are asked for.

use std::fmt;

use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use crate::backend::RawRequest;
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::http::{Body, MAX_DRAIN_BYTES};

/// A request to the worker.
pub struct Request {
    raw: RawRequest,
    url: String,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query and the headers may be secret.
        formatter
            .debug_struct("Request")
            .field("method", &self.method())
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

impl Request {
    pub(crate) fn new(raw: RawRequest) -> Self {
        Self {
            url: raw.url(),
            raw,
        }
    }

    /// Returns the method, such as `GET`.
    #[must_use]
    pub fn method(&self) -> String {
        self.raw.method()
    }

    /// Returns the URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the path, which starts with a slash. It is percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        let target = self.target();
        let end = target.find(['?', '#']).unwrap_or(target.len());
        &target[..end]
    }

    /// Returns the text after the question mark. It is percent-encoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        let (_, query) = self.target().split_once('?')?;
        Some(query.split_once('#').map_or(query, |(query, _)| query))
    }

    /// The URL from its path on.
    fn target(&self) -> &str {
        let Some((_, rest)) = self.url.split_once("://") else {
            return &self.url;
        };
        rest.find('/').map_or("/", |start| &rest[start..])
    }

    /// Returns the value of a header. Several values are joined with `, `.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.raw.header(name)
    }

    /// Reads the content.
    ///
    /// # Errors
    /// `TooLarge` if the content has more than `max_bytes` bytes, which is the status 413.
    /// `Unavailable` if the client sends less than it has declared.
    pub async fn bytes(self, max_bytes: usize) -> Result<Vec<u8>> {
        let mut body = self.into_body();
        let mut content = Vec::new();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                let message = "the content of the request ended early";
                located(Failure::because(ErrorKind::Unavailable, message, error))
            })?;
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            read += bytes.len();
            // The rest is read too: a client that is still sending would not see the response.
            if read > MAX_DRAIN_BYTES.max(max_bytes) {
                break;
            }
            if read <= max_bytes {
                content.extend_from_slice(&bytes);
            }
        }
        if read <= max_bytes {
            return Ok(content);
        }
        let message = format!("the content of the request has more than {max_bytes} bytes");
        Err(Error::new(ErrorKind::TooLarge, message))
    }

    /// Reads the content as text.
    ///
    /// # Errors
    /// `InvalidArgument` if the content is not UTF-8, which is the status 400. See also
    /// [`bytes`](Self::bytes).
    pub async fn text(self, max_bytes: usize) -> Result<String> {
        let bytes = self.bytes(max_bytes).await?;
        String::from_utf8(bytes).map_err(|_| {
            let message = "the content of the request is not UTF-8";
            Error::new(ErrorKind::InvalidArgument, message)
        })
    }

    /// Reads the content as JSON.
    ///
    /// # Errors
    /// `InvalidArgument` if the content is not the JSON of a `T`, which is the status 400. See also
    /// [`bytes`](Self::bytes).
    pub async fn json<T: DeserializeOwned>(self, max_bytes: usize) -> Result<T> {
        let bytes = self.bytes(max_bytes).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("the content of the request is not the expected JSON: {error}");
            Error::new(ErrorKind::InvalidArgument, message)
        })
    }

    /// Returns the content as a stream.
    pub fn into_body(self) -> Body {
        self.raw.into_body()
    }

    /// Converts the request to one of the `http` crate.
    ///
    /// # Errors
    /// `InvalidArgument` if the platform accepts a request that the `http` crate rejects, for
    /// example for its method.
    pub fn into_http(self) -> Result<crate::Request> {
        self.raw.into_http().map_err(located)
    }
}

fn located(failure: Failure) -> Error {
    Error::of_worker("fetch", failure)
}
