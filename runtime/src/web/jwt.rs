//! JSON Web Tokens that others have issued.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum_core::extract::{FromRef, FromRequestParts};
use cookie::Cookie;
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{StatusCode, Uri};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::backend;
use crate::error::{Error, ErrorKind, Result};
use crate::http::{Body, FetchOptions, IntoResponse, Request, Response, fetch_with};
use crate::time::{self, Instant};

/// The algorithms with public keys. A token cannot choose a key that is a shared secret, or none.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// The time for a request for the keys.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The time after which the keys are fetched again.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// The time for which old keys are used while the issuer cannot be reached.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// The shortest time between two requests for the keys: anybody can send a token with an unknown
/// key.
const PAUSE: Duration = Duration::from_secs(60);

/// The pause after a request for the first keys that failed.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest token, in bytes.
const MAX_TOKEN: usize = 16 * 1024;

/// Verifies JSON Web Tokens of one issuer, with keys that the issuer publishes.
///
/// A token is valid if a key of the issuer has signed it (RS256, ES256 or EdDSA), it is from the
/// issuer and for the audience, and neither expired nor of the future. Nothing that a token says
/// about its own key is used, apart from the name of the key.
///
/// The keys are fetched when the first token arrives, then every hour, and when a token has an
/// unknown key, at most once a minute. Clones share them, so create the verifier in the function
/// that builds the [router](https://github.com/bindery/bindery/blob/main/docs/book/src/handlers.md).
///
/// <https://datatracker.ietf.org/doc/html/rfc8725>
///
/// # Examples
/// ```ignore
/// #[derive(Clone, FromRef)]
/// struct App {
///     env: Env,
///     verifier: JwtVerifier,
/// }
///
/// async fn notes(State(env): State<Env>, user: Bearer<Claims>) -> Result<Json<Vec<Note>>> {
///     Ok(Json(env.db.notes_of(&user.subject).await?))
/// }
/// ```
#[derive(Clone)]
pub struct JwtVerifier {
    issuer: String,
    audience: Vec<String>,
    parties: Vec<String>,
    leeway: Duration,
    sources: Vec<Source>,
    /// Where the keys are. `None` if they are given.
    uri: Option<Uri>,
    keys: Arc<Mutex<Keys>>,
}

#[derive(Clone)]
enum Source {
    Bearer,
    Header(String),
    Cookie(String),
}

#[derive(Default)]
struct Keys {
    set: Option<Arc<JwkSet>>,
    fetched: Option<Instant>,
    requested: Option<Instant>,
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("JwtVerifier")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// A valid token. `C` are its claims.
///
/// In axum it is an extractor, if the state of the router contains a [`JwtVerifier`]. A request
/// without a valid token is refused with the status 401.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bearer<C = ()> {
    /// The claim `sub`: whom the token is about.
    pub subject: String,
    /// The claims.
    pub claims: C,
}

/// Why a token is not accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum TokenError {
    /// The request has no token.
    Missing,
    /// The token is not valid, for this reason.
    Invalid(&'static str),
    /// The keys of the issuer cannot be fetched.
    Keys(Error),
}

impl fmt::Display for TokenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("the request has no token"),
            Self::Invalid(reason) => write!(formatter, "the token is not valid: {reason}"),
            Self::Keys(error) => write!(formatter, "the keys of the issuer: {error}"),
        }
    }
}

impl std::error::Error for TokenError {}

/// The status 401, or 503 without keys. The response does not say why a token is not valid.
impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let (challenge, message) = match self {
            Self::Missing => ("Bearer", "the request has no token"),
            Self::Invalid(_) => (r#"Bearer error="invalid_token""#, "the token is not valid"),
            Self::Keys(error) => return error.into_response(),
        };
        let body = format!(r#"{{"error":{{"kind":"unauthorized","message":"{message}"}}}}"#);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(http::header::CONTENT_TYPE, json);
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        response
    }
}

/// The claims that are checked. A claim of another type is an error.
#[derive(Deserialize)]
struct Registered {
    #[serde(default)]
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    azp: Option<String>,
}

impl JwtVerifier {
    /// Returns a verifier of tokens that `issuer` has issued for `audience`. `uri` is where the
    /// issuer publishes its keys, a JSON Web Key Set.
    ///
    /// # Errors
    /// `InvalidArgument` if `uri` is not an absolute URL of HTTP.
    pub fn new(issuer: &str, audience: &str, uri: &str) -> Result<Self> {
        let parsed = uri.parse::<Uri>().ok();
        let parsed = parsed.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
        if parsed.is_none() {
            return Err(invalid(
                "the keys of an issuer need an absolute URL of HTTP",
            ));
        }
        Ok(Self::of(issuer, &[audience], parsed, Keys::default()))
    }

    /// Returns a verifier with a JSON Web Key Set that does not change.
    ///
    /// # Errors
    /// `InvalidArgument` if the text is not a key set.
    pub fn with_keys(issuer: &str, audience: &str, keys: &str) -> Result<Self> {
        let set = serde_json::from_str(keys).map_err(|_| invalid("the keys are not a key set"))?;
        let keys = Keys {
            set: Some(Arc::new(set)),
            ..Keys::default()
        };
        Ok(Self::of(issuer, &[audience], None, keys))
    }

    /// Returns a verifier of the tokens of Cloudflare Access, which are in the header
    /// `Cf-Access-Jwt-Assertion` or the cookie `CF_Authorization`. `team` is the name before
    /// `.cloudflareaccess.com`, and `audience` the tag of the application.
    ///
    /// <https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/validating-json/>
    ///
    /// # Errors
    /// `InvalidArgument` if the name is not a part of a host.
    pub fn cloudflare_access(team: &str, audience: &str) -> Result<Self> {
        let issuer = format!("https://{team}.cloudflareaccess.com");
        let mut verifier = Self::new(&issuer, audience, &format!("{issuer}/cdn-cgi/access/certs"))?;
        verifier.sources = vec![
            Source::Header("cf-access-jwt-assertion".to_owned()),
            Source::Cookie("CF_Authorization".to_owned()),
        ];
        Ok(verifier)
    }

    /// Returns a verifier of the session tokens of Clerk, which are in the header `Authorization`
    /// or the cookie `__session`. `frontend_api` is the URL of the Frontend API, and `parties` are
    /// the origins of the pages that may use a token (`azp`).
    ///
    /// <https://clerk.com/docs/guides/sessions/manual-jwt-verification>
    ///
    /// # Errors
    /// `InvalidArgument` if the URL is not one of HTTP.
    pub fn clerk(frontend_api: &str, parties: &[&str]) -> Result<Self> {
        let issuer = frontend_api.trim_end_matches('/');
        let uri = format!("{issuer}/.well-known/jwks.json");
        let mut verifier = Self::new(issuer, "", &uri)?;
        // Its session tokens have no audience.
        verifier.audience.clear();
        verifier.parties = parties.iter().map(|party| (*party).to_owned()).collect();
        verifier
            .sources
            .push(Source::Cookie("__session".to_owned()));
        Ok(verifier)
    }

    fn of(issuer: &str, audience: &[&str], uri: Option<Uri>, keys: Keys) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: audience.iter().map(|name| (*name).to_owned()).collect(),
            parties: Vec::new(),
            leeway: Duration::from_secs(30),
            sources: vec![Source::Bearer],
            uri,
            keys: Arc::new(Mutex::new(keys)),
        }
    }

    /// Accepts tokens for another audience too.
    #[must_use]
    pub fn or_audience(mut self, audience: impl Into<String>) -> Self {
        self.audience.push(audience.into());
        self
    }

    /// Refuses tokens that were issued to another party than those that are named (`azp`).
    #[must_use]
    pub fn authorized_party(mut self, party: impl Into<String>) -> Self {
        self.parties.push(party.into());
        self
    }

    /// Sets how far the clocks of the issuer and of the worker may differ. The default is 30
    /// seconds.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Also accepts a token in a cookie. Protect the routes against requests of other sites.
    #[must_use]
    pub fn cookie(mut self, name: impl Into<String>) -> Self {
        self.sources.push(Source::Cookie(name.into()));
        self
    }

    /// Verifies the token of a request.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn verify_request<C: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
    ) -> std::result::Result<Bearer<C>, TokenError> {
        let token = self.token(headers).ok_or(TokenError::Missing)?;
        self.verify(&token).await
    }

    fn token(&self, headers: &HeaderMap) -> Option<String> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        self.sources.iter().find_map(|source| match source {
            Source::Bearer => {
                let (scheme, token) = text(AUTHORIZATION.as_str())?.split_once(' ')?;
                let is_bearer = scheme.eq_ignore_ascii_case("bearer");
                is_bearer.then(|| token.trim().to_owned())
            }
            Source::Header(name) => text(name).map(str::to_owned),
            Source::Cookie(name) => {
                let mut cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| {
                    let cookies = Cookie::split_parse(cookies.to_str().ok()?);
                    let mut cookies = cookies.flatten();
                    cookies.find(|cookie| cookie.name() == name)
                });
                cookies.next().map(|cookie| cookie.value().to_owned())
            }
        })
    }

    /// Verifies a token.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn verify<C: DeserializeOwned>(
        &self,
        token: &str,
    ) -> std::result::Result<Bearer<C>, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Invalid("it is too long"));
        }
        let Ok(header) = decode_header(token) else {
            return Err(TokenError::Invalid("its header is not one of a token"));
        };
        if !ALGORITHMS.contains(&header.alg) {
            return Err(TokenError::Invalid("its algorithm is not allowed"));
        }

        let key = self.key(header.kid.as_deref(), header.alg).await?;
        let claims: Value = self.decode(token, header.alg, &key)?;
        let registered = self.check(&claims)?;
        let claims = serde_json::from_value(claims);
        let claims = claims.map_err(|_| TokenError::Invalid("its claims have another type"))?;
        Ok(Bearer {
            subject: registered.sub,
            claims,
        })
    }

    /// Checks the signature, the issuer and the audience.
    fn decode(
        &self,
        token: &str,
        algorithm: Algorithm,
        key: &Jwk,
    ) -> std::result::Result<Value, TokenError> {
        let Ok(key) = DecodingKey::from_jwk(key) else {
            return Err(TokenError::Invalid("its key is not supported"));
        };
        let mut validation = Validation::new(algorithm);
        // The crate reads the clock of the machine, not that of a test.
        validation.validate_exp = false;
        validation.set_issuer(&[&self.issuer]);
        let mut required = vec!["exp", "iss"];
        if self.audience.is_empty() {
            validation.validate_aud = false;
        } else {
            validation.set_audience(&self.audience);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);

        use jsonwebtoken::errors::ErrorKind as Reason;
        let decoded = decode::<Value>(token, &key, &validation);
        decoded.map(|token| token.claims).map_err(|error| {
            TokenError::Invalid(match error.kind() {
                Reason::InvalidSignature => "its signature is wrong",
                Reason::InvalidIssuer => "it is from another issuer",
                Reason::InvalidAudience => "it is for another audience",
                Reason::InvalidAlgorithm | Reason::InvalidKeyFormat => {
                    "its key has another algorithm"
                }
                Reason::MissingRequiredClaim(_) => "it has no expiration, issuer or audience",
                _ => "it is malformed",
            })
        })
    }

    /// Checks the times and the authorized party.
    fn check(&self, claims: &Value) -> std::result::Result<Registered, TokenError> {
        let Ok(registered) = Registered::deserialize(claims) else {
            return Err(TokenError::Invalid("a registered claim has another type"));
        };
        let now = time::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs_f64();
        let leeway = self.leeway.as_secs_f64();

        let is_future = |time: Option<f64>| time.is_some_and(|time| time > now + leeway);
        if registered.exp + leeway <= now {
            return Err(TokenError::Invalid("it has expired"));
        }
        if is_future(registered.nbf) || is_future(registered.iat) {
            return Err(TokenError::Invalid("it is not valid yet"));
        }
        let is_party = |party: &String| self.parties.contains(party);
        if !self.parties.is_empty() && !registered.azp.as_ref().is_some_and(is_party) {
            return Err(TokenError::Invalid("it was issued to another party"));
        }
        Ok(registered)
    }

    /// Returns the key with a name.
    async fn key(
        &self,
        name: Option<&str>,
        algorithm: Algorithm,
    ) -> std::result::Result<Jwk, TokenError> {
        let set = self.fresh_keys().await.map_err(TokenError::Keys)?;
        if let Some(key) = find(&set, name, algorithm) {
            return Ok(key.clone());
        }
        // The issuer may have a new key.
        let set = match self.may_fetch() {
            true => self.fetch().await.map_err(TokenError::Keys)?,
            false => set,
        };
        let key = find(&set, name, algorithm).cloned();
        key.ok_or(TokenError::Invalid("the issuer has no such key"))
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the keys may be fetched now.
    fn may_fetch(&self) -> bool {
        let requested = self.keys().requested;
        self.uri.is_some() && requested.is_none_or(|requested| requested.elapsed() >= PAUSE)
    }

    async fn fresh_keys(&self) -> Result<Arc<JwkSet>> {
        let (set, age, requested) = {
            let keys = self.keys();
            let age = keys.fetched.map(|fetched| fetched.elapsed());
            (keys.set.clone(), age.unwrap_or_default(), keys.requested)
        };
        let Some(set) = set else {
            let failed = |requested: Instant| requested.elapsed() < FIRST_PAUSE;
            if requested.is_some_and(failed) {
                let message = "the keys of the issuer were not available a moment ago";
                return Err(Error::worker("jwt", ErrorKind::Unavailable, message));
            }
            return self.fetch().await;
        };
        if age < FRESH || !self.may_fetch() && age < STALE {
            return Ok(set);
        }
        match self.fetch().await {
            Err(error) if age < STALE => {
                backend::log_line(&format!("error: old keys of an issuer are used: {error}"));
                Ok(set)
            }
            fetched => fetched,
        }
    }

    async fn fetch(&self) -> Result<Arc<JwkSet>> {
        let Some(uri) = &self.uri else {
            return Err(invalid("the verifier has no keys"));
        };
        self.keys().requested = Some(Instant::now());
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.clone();
        let options = FetchOptions::default().timeout(TIMEOUT);
        let response = fetch_with(request, options).await?;
        let status = response.status();
        let unusable = |problem: String| {
            let message = format!("the keys of the issuer: {problem}");
            Error::worker("jwt", ErrorKind::Unavailable, message)
        };
        if !status.is_success() {
            return Err(unusable(format!("the server responds with {status}")));
        }

        let body = backend::read_body(response.into_body()).await;
        let body = body.map_err(|failure| unusable(failure.message.clone()))?;
        let set = serde_json::from_slice(&body);
        let set: JwkSet = set.map_err(|_| unusable("the response is not a key set".to_owned()))?;
        let set = Arc::new(set);
        let mut keys = self.keys();
        keys.set = Some(Arc::clone(&set));
        keys.fetched = Some(Instant::now());
        Ok(set)
    }
}

/// Finds a key for signatures. A token without the name of a key needs a set with one key.
fn find<'k>(set: &'k JwkSet, name: Option<&str>, algorithm: Algorithm) -> Option<&'k Jwk> {
    let is_usable = |key: &&Jwk| {
        let common = &key.common;
        let is_signing = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
        let declared = common.key_algorithm.map(|declared| declared.to_string());
        is_signing && declared.is_none_or(|declared| declared == format!("{algorithm:?}"))
    };
    match name {
        Some(name) => set.find(name).filter(is_usable),
        None if set.keys.len() == 1 => set.keys.first().filter(is_usable),
        None => None,
    }
}

fn invalid(message: &'static str) -> Error {
    Error::worker("jwt", ErrorKind::InvalidArgument, message)
}

impl<S, C> FromRequestParts<S> for Bearer<C>
where
    S: Sync,
    C: DeserializeOwned + Send,
    JwtVerifier: FromRef<S>,
{
    type Rejection = TokenError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> std::result::Result<Self, TokenError> {
        let verifier = JwtVerifier::from_ref(state);
        verifier.verify_request(&parts.headers).await
    }
}
