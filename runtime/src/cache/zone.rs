//! The cache of a whole zone, through Cloudflare's API.

use std::fmt;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::json;

use crate::app::Secret;
use crate::error::{Error, ErrorKind, Result};
use crate::http::{Body, Response, fetch};

/// Cloudflare's API.
const API: &str = "https://api.cloudflare.com/client/v4";

/// The URLs, tags or prefixes of one request.
///
/// <https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits>
const MAX_ITEMS: usize = 100;

/// The header with the tags of a response.
const CACHE_TAG: &str = "cache-tag";
/// The bytes of a tag, and of the header.
const MAX_TAG_BYTES: usize = 1024;
const MAX_TAGS_BYTES: usize = 16 * 1024;

/// A zone, whose cache can be purged in all data centers. Needs the feature `fetch`.
///
/// [`EdgeCache::delete`](super::EdgeCache::delete) deletes a response in one data center only. The
/// token needs the permission `Cache Purge`; keep it in a secret.
///
/// <https://developers.cloudflare.com/cache/how-to/purge-cache/>
///
/// # Examples
/// ```
/// # struct Secrets { purge_token: bindery::Secret }
/// # struct Vars { zone_id: String }
/// # struct Env { secrets: Secrets, vars: Vars }
/// # async fn f(env: &Env) -> bindery::Result<()> {
/// use bindery::cache::Zone;
///
/// let zone = Zone::new(&env.vars.zone_id, &env.secrets.purge_token);
/// zone.purge_urls(&["https://notes.example.com/7"]).await?;
/// zone.purge_tags(&["user-7"]).await?;
/// # Ok(()) }
/// ```
pub struct Zone<'a> {
    id: &'a str,
    token: &'a Secret,
}

impl fmt::Debug for Zone<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Zone")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<'a> Zone<'a> {
    /// Returns the zone with an id.
    #[must_use]
    pub fn new(id: &'a str, token: &'a Secret) -> Self {
        Self { id, token }
    }

    /// Deletes the responses of URLs.
    ///
    /// # Errors
    /// `Denied` if the token is not allowed to, `Overloaded` if there were too many requests, and
    /// otherwise what the API reports. The lists before, of 100 items each, are purged.
    pub async fn purge_urls(&self, urls: &[&str]) -> Result<()> {
        self.purge_each("files", urls).await
    }

    /// Deletes the responses that have one of the tags: see [`tag`].
    ///
    /// # Errors
    /// As for [`purge_urls`](Self::purge_urls).
    pub async fn purge_tags(&self, tags: &[&str]) -> Result<()> {
        self.purge_each("tags", tags).await
    }

    /// Deletes the responses whose URLs start with one of the prefixes, such as
    /// `notes.example.com/files`: a host and a path, without a scheme.
    ///
    /// # Errors
    /// As for [`purge_urls`](Self::purge_urls).
    pub async fn purge_prefixes(&self, prefixes: &[&str]) -> Result<()> {
        self.purge_each("prefixes", prefixes).await
    }

    /// Deletes every response of the zone.
    ///
    /// # Errors
    /// As for [`purge_urls`](Self::purge_urls).
    pub async fn purge_everything(&self) -> Result<()> {
        self.purge(json!({ "purge_everything": true })).await
    }

    async fn purge_each(&self, kind: &str, items: &[&str]) -> Result<()> {
        for items in items.chunks(MAX_ITEMS) {
            self.purge(json!({ kind: items })).await?;
        }
        Ok(())
    }

    async fn purge(&self, body: serde_json::Value) -> Result<()> {
        let invalid = |error: &dyn fmt::Display| {
            let message = format!("the request to purge the cache is not valid: {error}");
            Error::worker("purge", ErrorKind::InvalidArgument, message)
        };
        let token = format!("Bearer {}", self.token.expose());
        // The error would not contain the token, but its text says where it is wrong.
        let mut token = HeaderValue::try_from(token).map_err(|_| invalid(&"the token"))?;
        token.set_sensitive(true);
        let url = format!("{API}/zones/{}/purge_cache", self.id);
        let request = Request::post(url)
            .header(AUTHORIZATION, token)
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .map_err(|error| invalid(&error))?;
        check(fetch(request).await?).await
    }
}

/// Adds tags to a response, by which the zone's cache can be purged.
///
/// <https://developers.cloudflare.com/cache/how-to/purge-cache/purge-by-tags/>
///
/// # Errors
/// `InvalidArgument` if a tag is empty, has a comma or a space, or is not printable ASCII, and
/// `TooLarge` if it has more than 1,024 bytes or all tags have more than 16 KiB.
pub fn tag(response: &mut Response, tags: &[&str]) -> Result<()> {
    let invalid = |kind, message: String| Error::worker("tag", kind, message);
    for tag in tags {
        let is_valid = |byte: u8| byte.is_ascii_graphic() && byte != b',';
        if tag.is_empty() || !tag.bytes().all(is_valid) {
            let message = format!("`{}` is not a cache tag", tag.escape_debug());
            return Err(invalid(ErrorKind::InvalidArgument, message));
        }
        if tag.len() > MAX_TAG_BYTES {
            let message = format!("a cache tag has {} bytes, more than 1,024", tag.len());
            return Err(invalid(ErrorKind::TooLarge, message));
        }
    }

    let text = tags.join(",");
    if text.len() > MAX_TAGS_BYTES {
        let message = format!("the cache tags have {} bytes, more than 16 KiB", text.len());
        return Err(invalid(ErrorKind::TooLarge, message));
    }
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().append(CACHE_TAG, value);
    }
    Ok(())
}

/// What the API answers.
#[derive(Deserialize)]
struct Answer {
    success: bool,
    #[serde(default)]
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    code: i64,
    message: String,
}

async fn check(response: Response) -> Result<()> {
    let status = response.status();
    let body = response.into_body().collect().await;
    let bytes = body.map(|body| body.to_bytes()).unwrap_or_default();
    let answer: Option<Answer> = serde_json::from_slice(&bytes).ok();
    if status.is_success() && answer.as_ref().is_some_and(|answer| answer.success) {
        return Ok(());
    }

    let kind = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Denied,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::Overloaded,
        StatusCode::BAD_REQUEST => ErrorKind::InvalidArgument,
        _ => ErrorKind::Internal,
    };
    let problems = answer.map_or_else(Vec::new, |answer| answer.errors);
    let problems = problems
        .iter()
        .map(|Problem { code, message }| format!("{message} ({code})"));
    let mut message = format!("the cache was not purged: HTTP {}", status.as_u16());
    for problem in problems {
        message = format!("{message}; {problem}");
    }
    Err(Error::worker("purge", kind, message))
}
