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
    #[must_use]
    pub fn stream(body: Body, content_type: impl Into<Text>) -> Self {
        Self::new(RawContent::stream(body)).header("content-type", content_type)
    }

    /// Sets the status, which is 200 by default. With a status that is not between 200 and 599 the
    /// client receives the status 500.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header. With a name or value that is not valid the client receives the status 500.
    #[must_use]
    pub fn header(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Whether the status allows content.
    pub(crate) fn has_content(&self) -> bool {
        !matches!(self.status, 204 | 205 | 304)
    }

    /// Replaces a response whose status no response can have.
    pub(crate) fn checked(self) -> Self {
        match self.status {
            200..=599 => self,
            status => Self::invalid(&format!("{status} is not a status")),
        }
    }

    /// The response instead of one that is not valid.
    pub(crate) fn invalid(problem: &str) -> Self {
        let message = format!("the response of the handler is not valid: {problem}");
        Error::worker("fetch", ErrorKind::Internal, message).into()
    }
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
