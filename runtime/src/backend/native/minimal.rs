//! The requests and responses of [`minimal`](crate::minimal), made of those of the `http` crate.

use http::HeaderValue;
use http_body::Body as _;

use crate::error::{Error, ErrorKind, Failure, ServerErrorText};
use crate::http::{Body, IntoResponse, Request, make_absolute};
use crate::minimal::Response;

pub(crate) struct RawRequest(Request);

impl RawRequest {
    pub(crate) fn from_http(mut request: Request) -> Result<Self, Failure> {
        make_absolute(&mut request)?;
        Ok(Self(request))
    }

    pub(crate) fn into_http(self) -> Result<Request, Failure> {
        Ok(self.0)
    }

    pub(crate) fn method(&self) -> String {
        self.0.method().to_string()
    }

    pub(crate) fn url(&self) -> String {
        self.0.uri().to_string()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values = self.0.headers().get_all(name);
        let values: Vec<String> = values.into_iter().map(text).collect();
        // https://www.rfc-editor.org/rfc/rfc9113#section-8.2.3
        let separator = match name.eq_ignore_ascii_case("cookie") {
            true => "; ",
            false => ", ",
        };
        (!values.is_empty()).then(|| values.join(separator))
    }

    pub(crate) fn into_body(self) -> Body {
        self.0.into_body()
    }
}

/// The text of a value. The platform decodes UTF-8, and otherwise takes each byte for a character.
fn text(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

pub(crate) struct RawContent(Body);

impl RawContent {
    pub(crate) fn empty() -> Self {
        Self(Body::empty())
    }

    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        Self(Body::from(bytes.to_vec()))
    }

    /// Returns the content, and whether its length is not known.
    pub(crate) fn stream(body: Body) -> (Self, bool) {
        let is_stream = body.size_hint().exact().is_none();
        (Self(body), is_stream)
    }
}

/// Converts a response.
pub(crate) fn into_http(response: Response) -> crate::Response {
    let response = response.checked();
    convert(response).unwrap_or_else(|error| {
        let message = format!("the response of the handler is not valid: {error}");
        Error::worker("fetch", ErrorKind::Internal, message).into_response()
    })
}

fn convert(response: Response) -> http::Result<crate::Response> {
    let content = match response.has_content() {
        true => response.content.0,
        false => Body::empty(),
    };
    let mut builder = crate::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        builder = builder.header(&**name, value.as_bytes());
    }
    if let Some(problem) = response.problem {
        builder = builder.extension(ServerErrorText(problem));
    }
    builder.body(content)
}
