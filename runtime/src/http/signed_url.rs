//! Signed URLs of the worker itself.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::uri::PathAndQuery;
use http::{Method, Uri};
use sha2::Sha256;

use crate::app::Secret;
use crate::error::{Error, ErrorKind, Result};
use crate::time;

/// The bytes of a secret, at least: those of SHA-256.
const MIN_SECRET_BYTES: usize = 32;

/// Signs URLs of the worker, so that whoever has one may read what it names until it expires: a
/// download in an email, or an image in a page of another site.
///
/// The signature is an HMAC with SHA-256 of the path and the query. It allows GET and HEAD only, on
/// every host of the worker. The content passes through the worker, which can check more before it
/// responds. See [`r2::Signer`](crate::r2) for URLs that R2 serves.
///
/// # Examples
/// ```
/// # use bindery::{Request, Secret};
/// # fn f(secret: &Secret, request: &Request) -> bindery::Result<()> {
/// use std::time::Duration;
///
/// use bindery::http::UrlSigner;
///
/// let signer = UrlSigner::new(secret)?;
/// let link = signer.sign("/files/7?inline=true", Duration::from_secs(3600))?;
///
/// // In the handler of `/files/{id}`:
/// signer.verify(request.method(), request.uri())?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct UrlSigner {
    key: Hmac<Sha256>,
    previous: Vec<Hmac<Sha256>>,
}

/// Does not print the keys.
impl fmt::Debug for UrlSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("UrlSigner").finish_non_exhaustive()
    }
}

impl UrlSigner {
    /// Creates a signer with a secret of at least 32 bytes, such as the output of
    /// `openssl rand -base64 32`.
    ///
    /// # Errors
    /// `Misconfigured` if the secret is shorter.
    pub fn new(secret: &Secret) -> Result<Self> {
        Ok(Self {
            key: key(secret.expose())?,
            previous: Vec::new(),
        })
    }

    /// Accepts URLs that were signed with another secret too. To replace a secret, accept the old
    /// one until its URLs have expired.
    ///
    /// # Errors
    /// `Misconfigured` if the secret has less than 32 bytes.
    pub fn or_previous(mut self, secret: &Secret) -> Result<Self> {
        self.previous.push(key(secret.expose())?);
        Ok(self)
    }

    /// Returns the path with two more parameters, `expires` and `signature`. The path is
    /// percent-encoded and can have a query.
    ///
    /// # Errors
    /// `InvalidArgument` if the path does not start with `/` or is not that of a URL, or if the
    /// time is longer than the clock can count.
    pub fn sign(&self, path: &str, valid_for: Duration) -> Result<String> {
        let expires = time::now().checked_add(valid_for).ok_or_else(|| {
            error(
                ErrorKind::InvalidArgument,
                "a link cannot be valid for so long",
            )
        })?;
        self.sign_until(path, expires)
    }

    fn sign_until(&self, path: &str, expires: SystemTime) -> Result<String> {
        let is_path = path.starts_with('/')
            && path
                .parse::<PathAndQuery>()
                .is_ok_and(|parsed| parsed.as_str() == path);
        if !is_path {
            let message = "a path to sign starts with `/`, is percent-encoded and has no fragment";
            return Err(error(ErrorKind::InvalidArgument, message));
        }

        let separator = if path.contains('?') { '&' } else { '?' };
        let signed = format!("{path}{separator}expires={}", seconds(expires));
        let signature = mac(&self.key, &signed).finalize().into_bytes();
        Ok(format!(
            "{signed}&signature={}",
            URL_SAFE_NO_PAD.encode(signature)
        ))
    }

    /// Checks that a request is a GET or HEAD of a signed URL that has not expired.
    ///
    /// # Errors
    /// `Forbidden`, whose response has status 403, if it is not.
    pub fn verify(&self, method: &Method, uri: &Uri) -> Result<()> {
        let invalid = || error(ErrorKind::Forbidden, "the link is not valid");
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(invalid());
        }
        let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
        let (signed, signature) = path.rsplit_once("&signature=").ok_or_else(invalid)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| invalid())?;
        let mut keys = std::iter::once(&self.key).chain(&self.previous);
        if !keys.any(|key| mac(key, signed).verify_slice(&signature).is_ok()) {
            return Err(invalid());
        }

        let expires = signed
            .rsplit_once("expires=")
            .map(|(_, expires)| expires.parse::<u64>());
        let Some(Ok(expires)) = expires else {
            return Err(invalid());
        };
        if seconds(time::now()) >= expires {
            return Err(error(ErrorKind::Forbidden, "the link has expired"));
        }
        Ok(())
    }
}

fn key(secret: &str) -> Result<Hmac<Sha256>> {
    let key = Some(secret).filter(|secret| secret.len() >= MIN_SECRET_BYTES);
    let key = key.and_then(|secret| Hmac::new_from_slice(secret.as_bytes()).ok());
    key.ok_or_else(|| {
        let message = "the secret of signed URLs has less than 32 bytes; create one with `openssl \
                       rand -base64 32`";
        error(ErrorKind::Misconfigured, message)
    })
}

fn mac(key: &Hmac<Sha256>, signed: &str) -> Hmac<Sha256> {
    // The method is a part of it, so that a link to read is not one to delete.
    key.clone().chain_update("GET\n").chain_update(signed)
}

fn seconds(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
    since_epoch.map_or(0, |time| time.as_secs())
}

fn error(kind: ErrorKind, message: &'static str) -> Error {
    Error::worker("sign_url", kind, message)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::{Method, Uri};

    use super::UrlSigner;
    use crate::app::Secret;
    use crate::error::ErrorKind;

    fn signer(secret: &str) -> UrlSigner {
        let signer = UrlSigner::new(&Secret::new(secret.to_owned()));
        signer.unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn verify(signer: &UrlSigner, method: &Method, url: &str) -> Result<(), String> {
        let uri: Uri = url.parse().unwrap_or_default();
        let verified = signer.verify(method, &uri);
        verified.map_err(|error| {
            assert_eq!(
                (error.kind(), error.status().as_u16()),
                (ErrorKind::Forbidden, 403)
            );
            error.message().to_owned()
        })
    }

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_known_signature() {
        let expires = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_300);
        let signed = signer(SECRET).sign_until("/files/7", expires);
        // Computed with openssl.
        let expected =
            "/files/7?expires=1700000300&signature=56WC6SsRjVC-eQejgZBsVm-XQ1nE31ieVEghDnxYsLA";
        assert_eq!(signed.ok().as_deref(), Some(expected));
        let expired = Err("the link has expired".to_owned());
        assert_eq!(verify(&signer(SECRET), &Method::GET, expected), expired);
    }

    #[test]
    fn only_what_was_signed_is_valid() {
        let signer_of = signer;
        let signer = signer(SECRET);
        let hour = Duration::from_secs(3600);
        let path = "/a%20b?x=1&expires=1&signature=2";
        let link = signer.sign(path, hour).unwrap_or_default();
        let invalid = Err("the link is not valid".to_owned());
        let check = |url: &str| verify(&signer, &Method::GET, url);

        assert_eq!(check(&link), Ok(()));
        assert_eq!(check(&format!("https://example.com{link}")), Ok(()));
        assert_eq!(verify(&signer, &Method::HEAD, &link), Ok(()));
        assert_eq!(verify(&signer, &Method::DELETE, &link), invalid);
        for changed in [
            link.replace("/a%20b", "/b"),
            link.replace("x=1", "x=2"),
            link.replace("&expires=1&", "&expires=2&"),
            link.replace("?x", "?y=1&x"),
            format!("{link}&z=1"),
            format!("{link}A"),
            link[..link.len() - 1].to_owned(),
            path.to_owned(),
            "/".to_owned(),
        ] {
            assert_eq!(check(&changed), invalid, "{changed}");
        }

        let old = signer.sign("/old", Duration::ZERO).unwrap_or_default();
        assert_eq!(check(&old), Err("the link has expired".to_owned()));
        let other = signer_of("another secret of more than 32 bytes");
        assert_eq!(verify(&other, &Method::GET, &link), invalid);
        let both = other.or_previous(&Secret::new(SECRET.to_owned()));
        let both = both.unwrap_or_else(|error| unreachable!("{error}"));
        assert_eq!(verify(&both, &Method::GET, &link), Ok(()));
    }

    #[test]
    fn what_cannot_be_signed() {
        let signer = signer(SECRET);
        for path in [
            "",
            "files",
            "https://example.com/",
            "/a b",
            "/a#b",
            "/\u{e9}\n",
        ] {
            let signed = signer.sign(path, Duration::from_secs(1));
            let kind = signed.map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::InvalidArgument), "{path}");
        }
        let forever = signer.sign("/", Duration::MAX);
        assert!(forever.is_err_and(|error| error.kind() == ErrorKind::InvalidArgument));
        let short = UrlSigner::new(&Secret::new("short".to_owned()));
        assert!(short.is_err_and(|error| error.kind() == ErrorKind::Misconfigured));
    }
}
