//! A request whose parts are read when they are asked for.

use std::fmt;

use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::backend::RawRequest;
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::http::Body;
use crate::json;

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

    /// Returns the URL, with its origin.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the path, which starts with a slash. It is percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        let target = self.target();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// Returns the text after the question mark. It is percent-encoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target().split_once('?').map(|(_, query)| query)
    }

    /// Returns the first value of a parameter of the query, decoded.
    ///
    /// # Examples
    /// ```
    /// # fn f(request: bindery::minimal::Request) {
    /// // For `/search?text=caf%C3%A9+au+lait` the text is `café au lait`.
    /// let text = request.query_value("text").unwrap_or_default();
    /// # }
    /// ```
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<String> {
        let mut pairs = self.query()?.split('&').map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), value)
        });
        let found = pairs.find(|(known, _)| known == name);
        found.map(|(_, value)| decoded(value))
    }

    /// The URL from its path on, without the fragment.
    fn target(&self) -> &str {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let target = rest
            .find(['/', '?', '#'])
            .map_or("/", |start| &rest[start..]);
        target.split_once('#').map_or(target, |(target, _)| target)
    }

    /// Returns the value of a header. Several values are joined with `, `, and those of `cookie`
    /// with `; `.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.raw.header(name)
    }

    /// Returns the value of a cookie as the client sent it.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.header("cookie")?;
        let mut pairs = cookies.split(';').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(known, _)| known.trim() == name);
        found.map(|(_, value)| value.trim().to_owned())
    }

    /// Reads the content.
    ///
    /// # Errors
    /// `TooLarge` if the content has more than `max_bytes` bytes, which is the status 413.
    /// `Unavailable` if the client sends less than it has declared.
    pub async fn bytes(self, max_bytes: usize) -> Result<Vec<u8>> {
        let too_large = || {
            let message = format!("the content of the request has more than {max_bytes} bytes");
            Error::new(ErrorKind::TooLarge, message)
        };
        let declared = self.header("content-length");
        let declared = declared.and_then(|length| length.parse::<usize>().ok());
        if declared.is_some_and(|length| length > max_bytes) {
            return Err(too_large());
        }

        let mut body = self.into_body();
        let mut content = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                let message = "the content of the request ended early";
                located(Failure::because(ErrorKind::Unavailable, message, error))
            })?;
            let bytes = frame.into_data().unwrap_or_default();
            // The server reads and discards the rest.
            if content.len() + bytes.len() > max_bytes {
                return Err(too_large());
            }
            content.extend_from_slice(&bytes);
        }
        Ok(content)
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
        json::parse_bytes(&bytes).map_err(|error| {
            let problem = error.describe();
            let message = format!("the content of the request is not the expected JSON: {problem}");
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

/// Decodes a part of a query: `+` is a space.
fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    let bytes = percent_decode_str(&text);
    bytes.decode_utf8_lossy().into_owned()
}

fn located(failure: Failure) -> Error {
    Error::of_worker("fetch", failure)
}
