//! Verifies the signature of a presigned request.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use std::time::SystemTime;

use http::header::HOST;
use http::{HeaderMap, HeaderName, StatusCode, Uri};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rusty_s3::Method;
use rusty_s3::signing::sign;
use subtle::ConstantTimeEq;

use super::Refusal;
use crate::limits::r2::PRESIGN_SECONDS;

const ALGORITHM: &str = "X-Amz-Algorithm";
const CREDENTIAL: &str = "X-Amz-Credential";
const DATE: &str = "X-Amz-Date";
const EXPIRES: &str = "X-Amz-Expires";
const SIGNED_HEADERS: &str = "X-Amz-SignedHeaders";
const SIGNATURE: &str = "X-Amz-Signature";

/// The credentials that the server accepts.
pub(super) struct Credentials {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
}

/// A request whose signature is that of its URL.
#[derive(Debug)]
pub(super) struct Verified {
    /// The path, decoded.
    pub(super) path: String,
    /// The parameters of the operation, without those of the signature.
    pub(super) query: Vec<(String, String)>,
}

impl Verified {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| &**value)
    }
}

/// The parameters of a signature.
#[derive(Default)]
struct Parameters {
    algorithm: Option<String>,
    credential: Option<String>,
    date: Option<String>,
    expires: Option<String>,
    signed_headers: Option<String>,
    signature: Option<String>,
}

/// Verifies a request: its method, absolute URI and headers.
pub(super) fn verify(
    method: &http::Method,
    uri: &Uri,
    headers: &HeaderMap,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<Verified, Refusal> {
    let url = uri.to_string().parse::<url::Url>();
    let mut url = url.map_err(|_| invalid("the URL is not valid"))?;
    let (parameters, mut query) = parameters(&url)?;
    let required = |value: Option<String>, name: &str| {
        value.ok_or_else(|| invalid(format!("the parameter {name} is missing")))
    };
    if required(parameters.algorithm, ALGORITHM)? != "AWS4-HMAC-SHA256" {
        return Err(invalid("the algorithm is not AWS4-HMAC-SHA256"));
    }

    let credential = required(parameters.credential, CREDENTIAL)?;
    let date = required(parameters.date, DATE)?;
    let (access_key_id, region) = scope(&credential, &date)?;
    let is_known = credentials
        .access_key_id
        .as_bytes()
        .ct_eq(access_key_id.as_bytes());
    if !bool::from(is_known) {
        let message = "the access key id is not known";
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            message,
        ));
    }

    let signed_at = DateTime::strptime("%Y%m%dT%H%M%SZ", &date)
        .and_then(|date| date.to_zoned(TimeZone::UTC))
        .map_err(|_| invalid(format!("{DATE} is not valid")))?
        .timestamp();
    let expires = required(parameters.expires, EXPIRES)?;
    let expires = expires.parse::<u64>().ok();
    let expires = expires.filter(|seconds| (1..=PRESIGN_SECONDS).contains(seconds));
    let expires =
        expires.ok_or_else(|| invalid(format!("{EXPIRES} is not 1 to {PRESIGN_SECONDS}")))?;

    let signed_headers = required(parameters.signed_headers, SIGNED_HEADERS)?;
    let signed_headers = signed(&signed_headers, headers)?;
    let signature = required(parameters.signature, SIGNATURE)?;
    query.sort();
    let path = url.path().to_owned();
    url.set_query(None);
    let expected = sign(
        &signed_at,
        s3_method(method)?,
        url,
        access_key_id,
        &credentials.secret_access_key,
        None,
        region,
        expires,
        query.iter().map(|(name, value)| (&**name, &**value)),
        signed_headers
            .iter()
            .map(|(name, value)| (&**name, &**value)),
    );
    let mut expected = expected.query_pairs();
    let expected = expected.find(|(name, _)| name == SIGNATURE);
    let is_equal = expected
        .is_some_and(|(_, expected)| expected.as_bytes().ct_eq(signature.as_bytes()).into());
    if !is_equal {
        let message = "the signature does not match the method, the URL and the signed headers";
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            message,
        ));
    }
    // Only the owner of the secret learns how old a URL is.
    check_time(signed_at, expires, now)?;

    let path = percent_encoding::percent_decode_str(&path).decode_utf8();
    let path = path
        .map_err(|_| invalid("the path is not UTF-8"))?
        .into_owned();
    Ok(Verified { path, query })
}

/// Separates the parameters of the signature from the others.
fn parameters(url: &url::Url) -> Result<(Parameters, Vec<(String, String)>), Refusal> {
    let (mut parameters, mut query) = (Parameters::default(), Vec::new());
    for (name, value) in url.query_pairs() {
        let place = match &*name {
            ALGORITHM => &mut parameters.algorithm,
            CREDENTIAL => &mut parameters.credential,
            DATE => &mut parameters.date,
            EXPIRES => &mut parameters.expires,
            SIGNED_HEADERS => &mut parameters.signed_headers,
            SIGNATURE => &mut parameters.signature,
            _ => {
                query.push((name.into_owned(), value.into_owned()));
                continue;
            }
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(invalid(format!("the parameter {name} occurs twice")));
        }
    }
    Ok((parameters, query))
}

/// The access key id and the region of a credential.
fn scope<'a>(credential: &'a str, date: &str) -> Result<(&'a str, &'a str), Refusal> {
    let mut parts = credential.rsplitn(5, '/');
    let mut next = || parts.next().unwrap_or_default();

    let (end, service, region, day, id) = (next(), next(), next(), next(), next());
    if (end, service) != ("aws4_request", "s3") || id.is_empty() {
        return Err(invalid(format!(
            "{CREDENTIAL} does not end with /s3/aws4_request"
        )));
    }
    if day.len() != 8 || !date.starts_with(day) {
        return Err(invalid(format!(
            "{CREDENTIAL} and {DATE} are of different days"
        )));
    }
    Ok((id, region))
}

/// The signed headers with their values, sorted. The header `Host` and those of Amazon have to be
/// among them.
fn signed(names: &str, headers: &HeaderMap) -> Result<Vec<(String, String)>, Refusal> {
    let mut signed = Vec::new();
    for name in names.split(';') {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        signed.push((name.to_owned(), value.unwrap_or_default().to_owned()));
    }
    signed.sort();

    let is_signed = |name: &HeaderName| signed.iter().any(|(signed, _)| *signed == name.as_str());
    let needs = |name: &&HeaderName| **name == HOST || name.as_str().starts_with("x-amz-");
    match headers.keys().filter(needs).find(|name| !is_signed(name)) {
        None => Ok(signed),
        Some(name) => {
            let message = format!("the header {name} is not signed");
            Err(Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", message))
        }
    }
}

fn s3_method(method: &http::Method) -> Result<Method, Refusal> {
    match *method {
        http::Method::GET => Ok(Method::Get),
        http::Method::HEAD => Ok(Method::Head),
        http::Method::PUT => Ok(Method::Put),
        http::Method::DELETE => Ok(Method::Delete),
        _ => {
            let message = "a presigned request is a GET, HEAD, PUT or DELETE";
            Err(Refusal::new(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                message,
            ))
        }
    }
}

fn check_time(signed_at: Timestamp, expires: u64, now: SystemTime) -> Result<(), Refusal> {
    /// The difference between two clocks that is allowed.
    const MAX_SKEW_SECONDS: i64 = 15 * 60;

    let now = Timestamp::try_from(now).map_err(|_| invalid("the time is not valid"))?;
    let age = now.as_second() - signed_at.as_second();
    if age < -MAX_SKEW_SECONDS {
        let message = "the URL was signed in the future";
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "RequestTimeTooSkewed",
            message,
        ));
    }
    if u64::try_from(age).is_ok_and(|age| age > expires) {
        let message = "the URL has expired";
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "ExpiredRequest",
            message,
        ));
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "InvalidArgument", message)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::{HeaderMap, HeaderValue, Method, Uri};

    use super::{Credentials, verify};

    /// The example of Amazon's documentation: a GET of `test.txt` that is valid for a day.
    const EXAMPLE: &str = "https://examplebucket.s3.amazonaws.com/test.txt\
        ?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
        &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    const SIGNED_AT: u64 = 1_369_353_600;

    fn check(
        method: Method,
        url: &str,
        after: i64,
        header: &[(&'static str, &'static str)],
    ) -> String {
        let credentials = Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        };
        let now =
            SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED_AT.saturating_add_signed(after));
        let mut headers = HeaderMap::new();
        headers.insert(
            "host",
            HeaderValue::from_static("examplebucket.s3.amazonaws.com"),
        );
        for (name, value) in header {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let uri: Uri = url.parse().unwrap_or_default();
        match verify(&method, &uri, &headers, &credentials, now) {
            Ok(verified) => verified.path,
            Err(refusal) => refusal.code.to_owned(),
        }
    }

    #[test]
    fn the_published_example_is_accepted() {
        assert_eq!(check(Method::GET, EXAMPLE, 0, &[]), "/test.txt");
        assert_eq!(check(Method::GET, EXAMPLE, 86400, &[]), "/test.txt");
        assert_eq!(
            check(Method::GET, EXAMPLE, 0, &[("range", "bytes=0-1")]),
            "/test.txt"
        );
    }

    #[test]
    fn times() {
        assert_eq!(check(Method::GET, EXAMPLE, 86401, &[]), "ExpiredRequest");
        assert_eq!(
            check(Method::GET, EXAMPLE, -901, &[]),
            "RequestTimeTooSkewed"
        );
        assert_eq!(check(Method::GET, EXAMPLE, -900, &[]), "/test.txt");
    }

    #[test]
    fn every_change_is_refused() {
        let mismatch = "SignatureDoesNotMatch";
        let changed = |from: &str, to: &str| check(Method::GET, &EXAMPLE.replace(from, to), 0, &[]);
        assert_eq!(check(Method::PUT, EXAMPLE, 0, &[]), mismatch);
        assert_eq!(check(Method::HEAD, EXAMPLE, 0, &[]), mismatch);
        assert_eq!(changed("test.txt", "tesu.txt"), mismatch);
        assert_eq!(changed("test.txt", "a/../test2.txt"), mismatch);
        assert_eq!(changed("=86400", "=86399"), mismatch);
        assert_eq!(changed("us-east-1", "auto"), mismatch);
        assert_eq!(changed("d404", "d405"), mismatch);
        assert_eq!(changed("d404", ""), mismatch);
        assert_eq!(changed("?", "?uploadId=1&"), mismatch);
        assert_eq!(
            check(Method::GET, EXAMPLE, 0, &[("host", "example.com")]),
            mismatch
        );

        assert_eq!(changed("AKIA", "BKIA"), "Unauthorized");
        assert_eq!(changed("20130524T", "20130525T"), "InvalidArgument");
        assert_eq!(changed("=86400", "=604801"), "InvalidArgument");
        assert_eq!(changed("=86400", "=0"), "InvalidArgument");
        assert_eq!(changed("&X-Amz-Signature", "&Signature"), "InvalidArgument");
        assert_eq!(
            changed("&X-Amz-Date", "&X-Amz-Date=1&X-Amz-Date"),
            "InvalidArgument"
        );
        assert_eq!(changed("%2Fs3%2F", "%2Fec2%2F"), "InvalidArgument");
        assert_eq!(
            changed("SignedHeaders=host", "SignedHeaders=date"),
            "AccessDenied"
        );
        let extra = [("x-amz-meta-owner", "ann")];
        assert_eq!(check(Method::GET, EXAMPLE, 0, &extra), "AccessDenied");
        assert_eq!(check(Method::POST, EXAMPLE, 0, &[]), "NotImplemented");
    }
}
