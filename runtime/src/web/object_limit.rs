//! Rate limits in Durable Objects.

use std::marker::PhantomData;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::rate_limit::{Decision, RateLimit};
use crate::app::Environment;
use crate::durable_object::{
    AlarmInfo, DurableObject, Namespace, State, Stub, arguments, reply, unknown_method,
};
use crate::error::Result;
use crate::time;

/// The Durable Object class that counts for [`ObjectLimit`]. Each key has an object.
///
/// Give it a name in your crate, and declare a class with that name in the manifest and in
/// `handlers!`:
///
/// ```text
/// pub type RateLimits = bindery::web::LimitObject<Env>;
/// ```
#[derive(Debug)]
pub struct LimitObject<E> {
    state: State,
    environment: PhantomData<fn() -> E>,
}

/// The calls in one window.
#[derive(Serialize, Deserialize)]
struct Window {
    number: u64,
    count: u64,
}

/// The key of the window in the storage of the object.
const WINDOW: &str = "window";

/// The method that counts.
const COUNT: &str = "count";

impl<E> LimitObject<E> {
    /// Counts a call in windows of some milliseconds. Returns whether it is allowed, the calls in
    /// this window, and the milliseconds until the next one.
    async fn count(&self, limit: u64, window: u64) -> Result<(bool, u64, u64)> {
        let now = time::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_millis() as u64;
        let (number, reset) = (now / window, window - now % window);

        let storage = self.state.storage();
        let stored: Option<Window> = storage.get(WINDOW)?;
        let current = stored.filter(|stored| stored.number == number);
        if current.is_none() {
            // Afterwards the object stores nothing, so that it costs nothing.
            let end = time::now() + Duration::from_millis(reset);
            storage.set_alarm(end).await?;
        }
        // Without a wait from here on: calls at the same time are all counted.
        let stored: Option<Window> = storage.get(WINDOW)?;
        let stored = stored.filter(|stored| stored.number == number);
        let count = stored.map_or(0, |stored| stored.count) + 1;
        let is_allowed = count <= limit;
        if is_allowed {
            storage.put(WINDOW, &Window { number, count })?;
        }
        Ok((is_allowed, count.min(limit), reset))
    }
}

impl<E: Environment> DurableObject for LimitObject<E> {
    type Env = E;
    type Client = LimitClient;
    const HAS_ALARM: bool = true;
    const HAS_METHODS: bool = true;
    const HAS_WEB_SOCKETS: bool = false;

    fn create(state: State, _: E) -> Result<Self> {
        Ok(Self {
            state,
            environment: PhantomData,
        })
    }

    fn call(self: Rc<Self>, method: &str, json: String) -> LocalBoxFuture<'static, Result<String>> {
        if method != COUNT {
            let unknown = unknown_method(method);
            return Box::pin(async move { unknown });
        }
        Box::pin(async move {
            let (limit, window) = arguments(&json)?;
            reply(self.count(limit, window).await)
        })
    }

    fn alarm(self: Rc<Self>, _: AlarmInfo) -> LocalBoxFuture<'static, Result<()>> {
        Box::pin(async move { self.state.storage().delete_all().await })
    }
}

/// The client of a [`LimitObject`].
#[derive(Debug, Clone)]
pub struct LimitClient(Stub);

impl From<Stub> for LimitClient {
    fn from(stub: Stub) -> Self {
        Self(stub)
    }
}

/// Counts calls in Durable Objects, for all locations together.
///
/// It is exact, also if many calls come at the same time. Each call is one of a Durable Object in
/// one location, which takes longer than the other engines.
///
/// # Examples
/// ```ignore
/// let limit = ObjectLimit::new(&env.rate_limits, "exports", 10, Duration::from_secs(3600));
/// if !limit.count("ann").await?.is_allowed {
///     // Respond with 429 Too Many Requests.
/// }
/// ```
#[derive(Debug)]
pub struct ObjectLimit<E> {
    objects: Namespace<LimitObject<E>>,
    name: &'static str,
    limit: u64,
    window: Duration,
}

impl<E> Clone for ObjectLimit<E> {
    fn clone(&self) -> Self {
        Self {
            objects: self.objects.clone(),
            ..*self
        }
    }
}

impl<E: Environment> ObjectLimit<E> {
    /// Allows `limit` calls for a key in each window, which is at least a second. `name`
    /// distinguishes limits that share a class.
    #[must_use]
    pub fn new(
        objects: &Namespace<LimitObject<E>>,
        name: &'static str,
        limit: u64,
        window: Duration,
    ) -> Self {
        Self {
            objects: objects.clone(),
            name,
            limit,
            window: window.max(Duration::from_secs(1)),
        }
    }
}

impl<E: Environment> RateLimit for ObjectLimit<E> {
    async fn count(&self, key: &str) -> Result<Decision> {
        // No address of a client in the name of an object.
        let key = URL_SAFE_NO_PAD.encode(Sha256::digest(key));
        let LimitClient(object) = self.objects.by_name(format_args!("{}:{key}", self.name));
        let window = self.window.as_millis() as u64;
        let counted = object.call(COUNT, &(self.limit, window)).await?;

        let (is_allowed, count, reset): (bool, u64, u64) = counted;
        Ok(Decision {
            is_allowed,
            limit: Some(self.limit),
            remaining: Some(self.limit.saturating_sub(count)),
            reset: Duration::from_millis(reset),
            window: self.window,
        })
    }
}
