//! Rate limits.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use tower_layer::Layer;
use tower_service::Service;

use crate::backend::log_line;
use crate::bindings::key::Binding;
use crate::error::Result;
use crate::http::{Body, Request, Response};
use crate::kv::{Core, Kv};
use crate::rate_limit::RateLimiter;
use crate::time;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const CONNECTING_IP: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// Counts calls for keys, such as the addresses of clients.
///
/// | engine | where it counts | how exact it is |
/// | --- | --- | --- |
/// | [`RateLimiter`] | one Cloudflare location | eventually consistent |
/// | [`KvLimit`] | all locations | calls at the same time count as one |
/// | [`ObjectLimit`](super::ObjectLimit) | all locations | exact |
pub trait RateLimit: Send + Sync {
    /// Counts one call for a key, and decides whether it is allowed.
    ///
    /// # Errors
    /// The error of the engine, which then did not decide.
    fn count(&self, key: &str) -> impl Future<Output = Result<Decision>> + Send;
}

/// What a rate limit has decided about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// Whether the call is allowed.
    pub is_allowed: bool,
    /// The number of calls that are allowed in a window. `None` if the engine does not know it.
    pub limit: Option<u64>,
    /// The calls that are left in this window. `None` if the engine does not know it.
    pub remaining: Option<u64>,
    /// The time until the next window, at most.
    pub reset: Duration,
    /// The length of a window, at most.
    pub window: Duration,
}

/// The longest period that the manifest can declare.
const MAX_PERIOD: Duration = Duration::from_secs(60);

/// The rate-limit binding, whose limit the manifest declares.
impl RateLimit for RateLimiter {
    async fn count(&self, key: &str) -> Result<Decision> {
        Ok(Decision {
            is_allowed: self.limit(key).await?,
            limit: None,
            remaining: None,
            reset: MAX_PERIOD,
            window: MAX_PERIOD,
        })
    }
}

/// A field of `Env` that is bound to a rate limit.
impl<T: Deref<Target = RateLimiter> + Send + Sync> RateLimit for T {
    async fn count(&self, key: &str) -> Result<Decision> {
        RateLimit::count(&**self, key).await
    }
}

/// Counts calls in KV, for all locations together.
///
/// It is approximate: calls at the same time can count as one, because KV cannot add to a value.
/// Another location can see a count up to a minute late. It keeps an account from being used ten
/// times too often, and does not keep an attacker out. KV accepts one write per second for each
/// key, and each call that is allowed is a write.
///
/// # Examples
/// ```
/// # use bindery::__private::Binding;
/// # use bindery::kv::Kv;
/// # async fn f<B: Binding>(namespace: &Kv<B>) -> bindery::Result<()> {
/// use std::time::Duration;
///
/// use bindery::web::{KvLimit, RateLimit};
///
/// let exports = KvLimit::new(namespace, "exports", 10, Duration::from_secs(3600));
/// if !exports.count("ann").await?.is_allowed {
///     // Respond with 429 Too Many Requests.
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct KvLimit {
    kv: Core,
    name: &'static str,
    limit: u64,
    window: Duration,
}

impl KvLimit {
    /// Allows `limit` calls for a key in each window, which is at least a second. `name` is part of
    /// the keys in the namespace.
    #[must_use]
    pub fn new<B: Binding>(
        namespace: &Kv<B>,
        name: &'static str,
        limit: u64,
        window: Duration,
    ) -> Self {
        Self {
            kv: namespace.core().clone(),
            name,
            limit,
            window: window.max(Duration::from_secs(1)),
        }
    }
}

impl RateLimit for KvLimit {
    async fn count(&self, key: &str) -> Result<Decision> {
        let now = time::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_millis();
        let window = self.window.as_millis();
        let (number, elapsed) = (now / window, now % window);
        let reset = Duration::from_millis((window - elapsed) as u64);

        // A key of any length, and no address of a client in the namespace.
        let key = URL_SAFE_NO_PAD.encode(Sha256::digest(key));
        let name = format!("rate-limit:{}:{number}:{key}", self.name);
        let count = self.kv.text(&name).await?;
        let count: u64 = count.and_then(|count| count.parse().ok()).unwrap_or(0);
        let is_allowed = count < self.limit;
        if is_allowed {
            let next = (count + 1).to_string();
            self.kv.put_text(&name, &next, Some(reset)).await?;
        }
        Ok(Decision {
            is_allowed,
            limit: Some(self.limit),
            remaining: Some(self.limit.saturating_sub(count + 1)),
            reset,
            window: self.window,
        })
    }
}

/// A layer that refuses the requests of a client that sends too many, with the status 429.
///
/// The key of a request is the address of the client, or what [`key`](Self::key) returns. A request
/// without a key is not counted. If the engine fails, the request is allowed and the error is
/// logged, so that the service does not depend on its rate limit.
///
/// A refused request has the header `Retry-After`, and each request has `RateLimit` and
/// `RateLimit-Policy` if the engine knows its count.
///
/// <https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.html>
///
/// # Examples
/// ```ignore
/// Router::new()
///     .route("/login", post(login))
///     .layer(RateLimitLayer::new(env.login_limit.clone()))
/// ```
#[derive(Clone)]
pub struct RateLimitLayer<E> {
    engine: E,
    key: KeyOf,
}

type KeyOf = Arc<dyn Fn(&Request) -> Option<String> + Send + Sync>;

impl<E> std::fmt::Debug for RateLimitLayer<E> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RateLimitLayer")
            .finish_non_exhaustive()
    }
}

impl<E: RateLimit + Clone> RateLimitLayer<E> {
    /// Returns a layer that counts with an engine.
    #[must_use]
    pub fn new(engine: E) -> Self {
        let address = |request: &Request| {
            let address = request.headers().get(CONNECTING_IP)?;
            address.to_str().ok().map(str::to_owned)
        };
        Self {
            engine,
            key: Arc::new(address),
        }
    }

    /// Sets the key of a request: the user of a session or an API key, for example.
    #[must_use]
    pub fn key(mut self, key: impl Fn(&Request) -> Option<String> + Send + Sync + 'static) -> Self {
        self.key = Arc::new(key);
        self
    }
}

impl<E: Clone, S> Layer<S> for RateLimitLayer<E> {
    type Service = RateLimitService<E, S>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimitService {
            layer: self.clone(),
            inner,
        }
    }
}

/// The service of a [`RateLimitLayer`].
#[derive(Debug, Clone)]
pub struct RateLimitService<E, S> {
    layer: RateLimitLayer<E>,
    inner: S,
}

impl<E, S> Service<Request> for RateLimitService<E, S>
where
    E: RateLimit + Clone + 'static,
    S: Service<Request, Response = Response, Future: Send> + Clone + Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, std::result::Result<Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The service that is ready responds, and the clone has to become ready first.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let (engine, key) = (self.layer.engine.clone(), (self.layer.key)(&request));
        Box::pin(async move {
            let decision = match &key {
                Some(key) => decide(&engine, key).await,
                None => None,
            };
            let mut response = match decision {
                Some(Decision {
                    is_allowed: false,
                    reset,
                    ..
                }) => refusal(reset),
                _ => inner.call(request).await?,
            };
            if let Some(decision) = decision {
                add_headers(response.headers_mut(), &decision);
            }
            Ok(response)
        })
    }
}

async fn decide(engine: &impl RateLimit, key: &str) -> Option<Decision> {
    match engine.count(key).await {
        Ok(decision) => Some(decision),
        Err(error) => {
            log_line(&format!("error: the rate limit allows a request: {error}"));
            None
        }
    }
}

fn refusal(reset: Duration) -> Response {
    let body = r#"{"error":{"kind":"rate_limited","message":"there are too many requests"}}"#;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(http::header::CONTENT_TYPE, json);
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds(reset)));
    response
}

fn add_headers(headers: &mut HeaderMap, decision: &Decision) {
    let (Some(limit), Some(remaining)) = (decision.limit, decision.remaining) else {
        return;
    };
    let (window, reset) = (seconds(decision.window), seconds(decision.reset));
    let policy = format!(r#""default";q={limit};w={window}"#);
    let state = format!(r#""default";r={remaining};t={reset}"#);
    for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

/// Whole seconds, rounded up.
fn seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1000) as u64
}
