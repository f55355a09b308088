//! Conditions of reads and writes, with the meaning of the conditional headers of HTTP.

#[cfg(target_arch = "wasm32")]
use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};

/// A condition that the stored object must meet.
///
/// Several conditions are combined as the headers of HTTP are: a match of the etag decides before
/// the time. Times are compared in seconds.
///
/// <https://developers.cloudflare.com/r2/api/workers/workers-api-reference/#conditional-operations>
///
/// # Examples
/// ```
/// use bindery::r2::Condition;
///
/// // Another request has not replaced the object since it was read.
/// let unchanged = Condition::default().etag_matches("5d41402abc4b2a76b9719d911017c592");
/// // There is no object with the key.
/// let absent = Condition::absent();
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// As in `If-Match`.
    pub(crate) if_match: Option<String>,
    /// As in `If-None-Match`.
    pub(crate) if_none_match: Option<String>,
    pub(crate) modified_since: Option<SystemTime>,
    pub(crate) unmodified_since: Option<SystemTime>,
}

impl Condition {
    /// The key has no object.
    #[must_use]
    pub fn absent() -> Self {
        Self {
            if_none_match: Some("*".to_owned()),
            ..Self::default()
        }
    }

    /// The key has an object.
    #[must_use]
    pub fn present() -> Self {
        Self {
            if_match: Some("*".to_owned()),
            ..Self::default()
        }
    }

    /// The conditional headers of a request: `If-Match`, `If-None-Match`, `If-Modified-Since` and
    /// `If-Unmodified-Since`. Returns `None` if it has none.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
        let time = |name| text(name).and_then(|text| httpdate::parse_http_date(&text).ok());
        let condition = Self {
            if_match: text(&IF_MATCH),
            if_none_match: text(&IF_NONE_MATCH),
            modified_since: time(&IF_MODIFIED_SINCE),
            unmodified_since: time(&IF_UNMODIFIED_SINCE),
        };
        (condition != Self::default()).then_some(condition)
    }

    /// The object has the etag.
    #[must_use]
    pub fn etag_matches(mut self, etag: &str) -> Self {
        self.if_match = Some(format!("\"{etag}\""));
        self
    }

    /// The object does not have the etag.
    #[must_use]
    pub fn etag_differs(mut self, etag: &str) -> Self {
        self.if_none_match = Some(format!("\"{etag}\""));
        self
    }

    /// The object was stored after `time`.
    #[must_use]
    pub fn modified_since(mut self, time: SystemTime) -> Self {
        self.modified_since = Some(time);
        self
    }

    /// The object was stored before `time`.
    #[must_use]
    pub fn unmodified_since(mut self, time: SystemTime) -> Self {
        self.unmodified_since = Some(time);
        self
    }

    /// The headers with the same meaning.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, Cow<'_, str>)> {
        let time = |time: Option<SystemTime>| time.map(crate::backend::http_date).map(Cow::Owned);
        let headers = [
            ("If-Match", self.if_match.as_deref().map(Cow::Borrowed)),
            (
                "If-None-Match",
                self.if_none_match.as_deref().map(Cow::Borrowed),
            ),
            ("If-Modified-Since", time(self.modified_since)),
            ("If-Unmodified-Since", time(self.unmodified_since)),
        ];
        let present = headers.into_iter();
        present.filter_map(|(name, value)| Some((name, value?)))
    }

    /// Whether an object meets the condition: its etag, and the time at which it was stored.
    pub(crate) fn is_met(&self, object: Option<(&str, SystemTime)>) -> bool {
        let Some((etag, stored)) = object else {
            return self.if_match.is_none() && self.modified_since.is_none();
        };
        let matches = self
            .if_match
            .as_deref()
            .map(|list| lists(list, etag, false));
        let differs = self
            .if_none_match
            .as_deref()
            .map(|list| !lists(list, etag, true));
        let stored = seconds(stored);
        let is_after = self
            .modified_since
            .is_none_or(|time| seconds(time) < stored);
        let is_before = self
            .unmodified_since
            .is_none_or(|time| stored < seconds(time));

        matches.unwrap_or(true)
            && differs.unwrap_or(true)
            && (is_after || differs == Some(true))
            && (is_before || matches == Some(true))
    }
}

fn seconds(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
    since_epoch.unwrap_or(Duration::ZERO).as_secs()
}

/// Whether a list of etags contains an etag.
fn lists(list: &str, etag: &str, allow_weak: bool) -> bool {
    let mut etags = list.split(',').map(str::trim);
    etags.any(|listed| {
        let strong = if allow_weak {
            listed.strip_prefix("W/").unwrap_or(listed)
        } else {
            listed
        };
        listed == "*" || strong.trim_matches('"') == etag
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::{HeaderMap, HeaderValue};

    use super::Condition;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn etags() {
        let object = Some(("abc", at(10)));
        let meets = |condition: Condition| (condition.is_met(object), condition.is_met(None));
        assert_eq!(meets(Condition::default()), (true, true));
        assert_eq!(meets(Condition::absent()), (false, true));
        assert_eq!(meets(Condition::present()), (true, false));
        let condition = Condition::default();
        assert_eq!(meets(condition.clone().etag_matches("abc")), (true, false));
        assert_eq!(meets(condition.clone().etag_matches("x")), (false, false));
        assert_eq!(meets(condition.clone().etag_differs("abc")), (false, true));
        assert_eq!(meets(condition.etag_differs("x")), (true, true));

        let headers = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            Condition::from_headers(&headers).unwrap_or_default()
        };
        let none_match = |value| headers("if-none-match", value);
        assert_eq!(meets(none_match("\"x\", W/\"abc\"")), (false, true));
        assert_eq!(meets(none_match("\"x\",\"y\"")), (true, true));
        assert_eq!(meets(headers("if-match", "W/\"abc\"")), (false, false));
        assert_eq!(meets(headers("if-match", "\"x\", \"abc\"")), (true, false));
        assert_eq!(Condition::from_headers(&HeaderMap::new()), None);
    }

    #[test]
    fn times() {
        let object = Some(("abc", at(10) + Duration::from_millis(900)));
        let since = |seconds| Condition::default().modified_since(at(seconds));
        let until = |seconds| Condition::default().unmodified_since(at(seconds));
        assert!(since(9).is_met(object));
        assert!(!since(10).is_met(object));
        assert!(!since(9).is_met(None));
        assert!(until(11).is_met(object));
        assert!(!until(10).is_met(object));
        assert!(until(10).is_met(None));

        // The etag decides before the time.
        assert!(since(10).etag_differs("x").is_met(object));
        assert!(!since(9).etag_differs("abc").is_met(object));
        assert!(until(10).etag_matches("abc").is_met(object));
    }
}
