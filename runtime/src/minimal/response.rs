//! A response in a few bytes of code.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::backend::RawContent;
use crate::error::{Error, ErrorKind, Result};
use crate::http::Body;

type Text = Cow<'static, str>;

/// A response to a request.
///
/// A handler can return anything that converts to it: a text, an [`Error`], or a `Result`.
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Text, Text)>,
    pub(crate) content: RawContent,
    /// Whether the length of the content is not known.
    is_stream: bool,
    /// The text of a server error, for the log.
    pub(crate) problem: Option<String>,
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Response {
    /// Returns a response without content.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self::new(RawContent::empty()).status(status)
    }

    fn new(content: RawContent) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            content,
            is_stream: false,
            problem: None,
        }
    }

    /// Returns a response with a text.
    #[must_use]
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::bytes(text.as_ref(), "text/plain; charset=utf-8")
    }

    /// Returns a response with a page of HTML.
    #[must_use]
    pub fn html(page: impl AsRef<str>) -> Self {
        Self::bytes(page.as_ref(), "text/html; charset=utf-8")
    }

    /// Returns a response with a value as JSON.
    ///
    /// # Errors
    /// `Internal` if the value cannot be JSON, for example because it is a map whose keys are not
    /// texts.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let json = serde_json::to_vec(value).map_err(Error::other)?;
        Ok(Self::bytes(json, "application/json"))
    }

    /// Returns a response with bytes of a content type.
    #[must_use]
    pub fn bytes(bytes: impl AsRef<[u8]>, content_type: impl Into<Text>) -> Self {
        Self::new(RawContent::bytes(bytes.as_ref())).header("content-type", content_type)
    }

    /// Returns a response with a stream of bytes, such as the body of an object of R2.
    ///
    /// With a header `content-length`, the client knows the length of the content, which must be
    /// exactly that.
    #[must_use]
    pub fn stream(body: Body, content_type: impl Into<Text>) -> Self {
        let (content, is_stream) = RawContent::stream(body);
        let mut response = Self::new(content);
        response.is_stream = is_stream;
        response.header("content-type", content_type)
    }

    /// Sets the status, which is 200 by default. With a status that is not between 200 and 599 the
    /// client receives the status 500.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header; a content type is replaced. With a name or value that is not valid the client
    /// receives the status 500.
    ///
    /// The length of content that is not a stream is known, so a `content-length` is ignored.
    #[must_use]
    pub fn header(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        let name = name.into();
        if name.eq_ignore_ascii_case("content-type") {
            let is_other = |(known, _): &(Text, Text)| !known.eq_ignore_ascii_case(&name);
            self.headers.retain(is_other);
        }
        if self.is_stream || !name.eq_ignore_ascii_case("content-length") {
            self.headers.push((name, value.into()));
        }
        self
    }

    /// The length that the headers give a stream.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn stream_length(&self) -> Option<u64> {
        let mut headers = self.headers.iter().filter(|_| self.is_stream);
        let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        length.and_then(|(_, length)| length.parse().ok())
    }

    /// Whether the status allows content.
    pub(crate) fn has_content(&self) -> bool {
        !matches!(self.status, 204 | 205 | 304)
    }

    /// Replaces a response that no client can receive. The backends accept different headers, so
    /// the rules of HTTP are checked here.
    pub(crate) fn checked(self) -> Self {
        let is_valid = |(name, value): &&(Text, Text)| is_name(name) && is_value(value);
        let invalid = self.headers.iter().find(|header| !is_valid(header));
        match (self.status, invalid) {
            (200..=599, None) => self,
            (200..=599, Some((name, _))) => {
                let problem = format!("the header `{}`", name.escape_default());
                self.invalid(&problem)
            }
            (status, _) => self.invalid(&format!("the status {status}")),
        }
    }

    /// The response instead of one that is not valid.
    pub(crate) fn invalid(self, part: &str) -> Self {
        let message = format!("the response of the handler is not valid: {part}");
        let mut response = Self::from(Error::worker("fetch", ErrorKind::Internal, message));
        // The cause of an error is not lost.
        if let (Some(first), Some(second)) = (self.problem, &mut response.problem) {
            *second = format!("{first}; {second}");
        }
        response
    }
}

/// Whether a text can be the name of a header.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2>
fn is_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

/// Whether a text can be the value of a header: without control characters.
fn is_value(value: &str) -> bool {
    let is_text = |byte: u8| byte == b'\t' || byte >= b' ' && byte != 0x7f;
    value.bytes().all(is_text)
}

/// The same response as that of the error in a worker with the types of `http`.
impl From<Error> for Response {
    fn from(error: Error) -> Self {
        let status = error.kind().status();
        let mut response = Self::bytes(error.to_json(), "application/json").status(status);
        if status >= 500 {
            response.problem = Some(error.to_string());
        }
        response
    }
}

impl From<&'static str> for Response {
    fn from(text: &'static str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Response {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl<T: Into<Self>, E: Into<Self>> From<Result<T, E>> for Response {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(response) => response.into(),
            Err(error) => error.into(),
        }
    }
}
