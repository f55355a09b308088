//! Responses that serve an object.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE,
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES, HeaderName, HeaderValue, IF_RANGE,
    LAST_MODIFIED, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, StatusCode};
use http_range_header::{EndPosition, StartPosition, parse_range_header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::condition::Condition;
use super::core::Core;
use super::options::{GetOptions, Range};
use super::types::ObjectInfo;
use crate::backend;
use crate::error::{ErrorKind, Result};
use crate::http::{Body, Response};

/// How an object is served.
///
/// # Examples
/// ```
/// use bindery::r2::ServeOptions;
///
/// let options = ServeOptions::default()
///     .attachment("Résumé.pdf")
///     .cache_control("private, max-age=60");
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ServeOptions {
    /// The `Cache-Control`. `None` is that of the object.
    pub cache_control: Option<String>,
    /// The `Content-Type`. `None` is that of the object, or else `application/octet-stream`.
    pub content_type: Option<String>,
    /// The `Content-Disposition`. `None` is that of the object.
    pub content_disposition: Option<String>,
}

impl ServeOptions {
    /// Sets the `Cache-Control`.
    #[must_use]
    pub fn cache_control(mut self, value: impl Into<String>) -> Self {
        self.cache_control = Some(value.into());
        self
    }

    /// Sets the `Content-Type`.
    #[must_use]
    pub fn content_type(mut self, value: impl Into<String>) -> Self {
        self.content_type = Some(value.into());
        self
    }

    /// Lets a browser save the object under a name, which can be any text.
    ///
    /// Objects that users upload should be attachments, or be served from another domain: a browser
    /// would run the scripts of a page among them with the cookies of this one.
    #[must_use]
    pub fn attachment(mut self, filename: &str) -> Self {
        self.content_disposition = Some(disposition("attachment", filename));
        self
    }

    /// Lets a browser show the object, and save it under a name, which can be any text.
    #[must_use]
    pub fn inline(mut self, filename: &str) -> Self {
        self.content_disposition = Some(disposition("inline", filename));
        self
    }
}

/// The characters that a parameter with an encoding does not contain.
///
/// <https://www.rfc-editor.org/rfc/rfc8187#section-3.2.1>
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A `Content-Disposition` with the name in both forms: of ASCII for old clients, and of UTF-8.
///
/// <https://www.rfc-editor.org/rfc/rfc6266#appendix-D>
fn disposition(kind: &str, filename: &str) -> String {
    let is_plain = |c: &char| (' '..='~').contains(c) && !matches!(c, '"' | '\\' | '%' | '/');
    let plain: String = filename
        .chars()
        .map(|c| if is_plain(&c) { c } else { '_' })
        .collect();
    let mut text = format!("{kind}; filename=\"{plain}\"");
    if plain != filename {
        text += "; filename*=UTF-8''";
        text.extend(utf8_percent_encode(filename, ENCODED));
    }
    text
}

impl Core {
    /// Returns `None` if the key does not exist.
    pub(crate) async fn serve(
        &self,
        key: &str,
        method: &Method,
        headers: &HeaderMap,
        options: &ServeOptions,
    ) -> Result<Option<Response>> {
        let condition = Condition::from_headers(headers);
        if method == Method::HEAD {
            let Some(info) = self.head(key).await? else {
                return Ok(None);
            };
            let unmet = condition.filter(|condition| !is_met(condition, &info));
            return Ok(Some(match unmet {
                Some(condition) => not_served(&condition, &info, options),
                None => whole(&info, Body::empty(), options),
            }));
        }

        let Some(range) = headers.get(RANGE).and_then(range) else {
            return self.serve_whole(key, condition, options).await;
        };
        // A client that continues a download wants the rest only if the object is the same.
        let mut continued = None;
        if let Some(validator) = headers.get(IF_RANGE) {
            match self.head(key).await? {
                None => return Ok(None),
                Some(info) if is_same(validator, &info) => continued = Some(info.etag),
                Some(_) => return self.serve_whole(key, condition, options).await,
            }
        }

        let get = GetOptions {
            range: Some(range),
            condition: condition.clone(),
        };
        let (info, content) = match self.get(key, &get).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidArgument => {
                let info = self.head(key).await?;
                let unsatisfiable = |info: &ObjectInfo| range.within(info.size).is_none();
                return match info {
                    Some(info) if unsatisfiable(&info) => Ok(Some(not_satisfiable(&info))),
                    Some(_) => Err(error),
                    None => Ok(None),
                };
            }
            Err(error) => return Err(error),
        };
        let Some((body, (offset, length))) = content else {
            let condition = condition.unwrap_or_default();
            return Ok(Some(not_served(&condition, &info, options)));
        };
        if continued.is_some_and(|etag| etag != info.etag) {
            return self.serve_whole(key, condition, options).await;
        }

        let mut response = respond(StatusCode::PARTIAL_CONTENT, body, &info, options);
        let last = offset + length.saturating_sub(1);
        let bytes = format!("bytes {offset}-{last}/{}", info.size);
        insert(response.headers_mut(), CONTENT_RANGE, &bytes);
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        Ok(Some(response))
    }

    async fn serve_whole(
        &self,
        key: &str,
        condition: Option<Condition>,
        options: &ServeOptions,
    ) -> Result<Option<Response>> {
        let get = GetOptions {
            range: None,
            condition,
        };
        let found = self.get(key, &get).await?;
        Ok(found.map(|(info, content)| match content {
            Some((body, _)) => whole(&info, body, options),
            None => not_served(&get.condition.unwrap_or_default(), &info, options),
        }))
    }
}

/// The range of a header. Returns `None` if it is not valid or has several ranges, which a server
/// may ignore.
fn range(header: &HeaderValue) -> Option<Range> {
    let ranges = parse_range_header(header.to_str().ok()?).ok()?.ranges;
    let [range] = &*ranges else {
        return None;
    };
    match (range.start, range.end) {
        (StartPosition::FromLast(bytes), _) => Some(Range::last(bytes)),
        (StartPosition::Index(start), EndPosition::LastByte) => Some(Range::from(start..)),
        (StartPosition::Index(start), EndPosition::Index(last)) if start <= last => {
            Some(Range::from(start..last.saturating_add(1)))
        }
        (StartPosition::Index(_), EndPosition::Index(_)) => None,
    }
}

fn is_met(condition: &Condition, info: &ObjectInfo) -> bool {
    condition.is_met(Some((&info.etag, info.uploaded)))
}

/// Whether a validator of `If-Range` is that of the object. A weak etag never is.
fn is_same(validator: &HeaderValue, info: &ObjectInfo) -> bool {
    validator == quoted(info).as_str() || validator == last_modified(info).as_str()
}

fn quoted(info: &ObjectInfo) -> String {
    format!("\"{}\"", info.etag)
}

fn last_modified(info: &ObjectInfo) -> String {
    backend::http_date(info.uploaded)
}

fn whole(info: &ObjectInfo, body: Body, options: &ServeOptions) -> Response {
    let mut response = respond(StatusCode::OK, body, info, options);
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(info.size));
    response
}

/// The response of an object that does not meet a condition: 412 if the client wants the object
/// that it knows, and 304 if it wants another one.
fn not_served(condition: &Condition, info: &ObjectInfo, options: &ServeOptions) -> Response {
    let known = Condition {
        if_match: condition.if_match.clone(),
        unmodified_since: condition.unmodified_since,
        ..Condition::default()
    };
    if !is_met(&known, info) {
        return status(StatusCode::PRECONDITION_FAILED);
    }

    let mut response = respond(StatusCode::NOT_MODIFIED, Body::empty(), info, options);
    for name in [
        CONTENT_DISPOSITION,
        CONTENT_ENCODING,
        CONTENT_LANGUAGE,
        CONTENT_TYPE,
        X_CONTENT_TYPE_OPTIONS,
    ] {
        response.headers_mut().remove(name);
    }
    response
}

fn not_satisfiable(info: &ObjectInfo) -> Response {
    let mut response = status(StatusCode::RANGE_NOT_SATISFIABLE);
    let size = format!("bytes */{}", info.size);
    insert(response.headers_mut(), CONTENT_RANGE, &size);
    response
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A response with the headers of an object, without those of its length.
fn respond(code: StatusCode, body: Body, info: &ObjectInfo, options: &ServeOptions) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = code;

    let (http, expires) = (&info.http_metadata, info.http_metadata.cache_expires);
    let default_type = "application/octet-stream".to_owned();
    let content_type = options.content_type.as_ref().or(http.content_type.as_ref());
    let disposition = options.content_disposition.as_ref();
    let cache_control = options.cache_control.as_ref();
    let texts = [
        (CONTENT_TYPE, Some(content_type.unwrap_or(&default_type))),
        (CONTENT_LANGUAGE, http.content_language.as_ref()),
        (CONTENT_ENCODING, http.content_encoding.as_ref()),
        (
            CONTENT_DISPOSITION,
            disposition.or(http.content_disposition.as_ref()),
        ),
        (CACHE_CONTROL, cache_control.or(http.cache_control.as_ref())),
        (EXPIRES, expires.map(backend::http_date).as_ref()),
        (ETAG, Some(&quoted(info))),
        (LAST_MODIFIED, Some(&last_modified(info))),
    ]
    .map(|(name, text)| (name, text.cloned()));

    let headers = response.headers_mut();
    for (name, text) in texts {
        if let Some(text) = text {
            insert(headers, name, &text);
        }
    }
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // A browser must not guess that a text of a user is a page.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Inserts a header. Text that is not a valid value, such as one with a line break, is left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::{ServeOptions, range};
    use crate::r2::Range;

    #[test]
    fn names_of_files() {
        let attachment = |name| ServeOptions::default().attachment(name).content_disposition;
        let is = |name, expected: &str| assert_eq!(attachment(name).as_deref(), Some(expected));
        is("a b.txt", "attachment; filename=\"a b.txt\"");
        is(
            "\"\u{e9}\r\n.txt",
            "attachment; filename=\"____.txt\"; filename*=UTF-8''%22%C3%A9%0D%0A.txt",
        );
        is(
            "100%.txt",
            "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt",
        );
        let inline = ServeOptions::default().inline("a.png");
        assert_eq!(
            inline.content_disposition.as_deref(),
            Some("inline; filename=\"a.png\"")
        );
    }

    #[test]
    fn ranges_of_headers() {
        let range = |text| range(&HeaderValue::from_static(text));
        assert_eq!(range("bytes=0-4"), Some(Range::from(0..5)));
        assert_eq!(range("bytes=5-"), Some(Range::from(5..)));
        assert_eq!(range("bytes=-5"), Some(Range::last(5)));
        for ignored in ["bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=a-", ""] {
            assert_eq!(range(ignored), None, "{ignored}");
        }
    }
}
