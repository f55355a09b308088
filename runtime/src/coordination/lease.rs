//! Locks and leaders.

use std::marker::PhantomData;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};

use super::{at, milliseconds, now};
use crate::app::Environment;
use crate::durable_object::{
    AlarmInfo, DurableObject, State, Stub, arguments, reply, unknown_method,
};
use crate::error::Result;

/// The longest lease, in milliseconds: a year.
const LONGEST: u64 = 366 * 24 * 3600 * 1000;

/// The keys in the storage of the object.
const HELD: &str = "held";
const TOKEN: &str = "token";

/// The methods.
const ACQUIRE: &str = "acquire";
const RELEASE: &str = "release";
const HOLDER: &str = "holder";

/// The Durable Object class of locks that end by themselves. Each name is a lock: see
/// [`LeaseClient`].
#[derive(Debug)]
pub struct LeaseObject<E> {
    state: State,
    environment: PhantomData<fn() -> E>,
}

/// Who holds a lock, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// The holder, as it called itself.
    pub holder: String,
    /// The fencing token: a number that is larger for each new holder. What the lock protects can
    /// refuse a write with a smaller one, which comes from a holder whose lease has ended.
    pub token: u64,
    /// When the lease ends, unless it is renewed.
    pub until: SystemTime,
}

#[derive(Serialize, Deserialize)]
struct Held {
    holder: String,
    token: u64,
    until: u64,
}

impl From<Held> for Lease {
    fn from(held: Held) -> Self {
        Self {
            holder: held.holder,
            token: held.token,
            until: at(held.until),
        }
    }
}

impl<E> LeaseObject<E> {
    fn holder(&self) -> Result<Option<Held>> {
        let held: Option<Held> = self.state.storage().get(HELD)?;
        Ok(held.filter(|held| held.until > now()))
    }

    /// Without a wait: two calls at the same time come one after the other.
    fn acquire(&self, holder: String, duration: u64) -> Result<(bool, Held)> {
        let storage = self.state.storage();
        let until = now().saturating_add(duration.clamp(1, LONGEST));
        let token = match self.holder()? {
            Some(held) if held.holder != holder => return Ok((false, held)),
            Some(held) => held.token,
            None => {
                let last: Option<u64> = storage.get(TOKEN)?;
                let token = last.unwrap_or_default() + 1;
                storage.put(TOKEN, &token)?;
                token
            }
        };
        let held = Held {
            holder,
            token,
            until,
        };
        storage.put(HELD, &held)?;
        Ok((true, held))
    }

    fn release(&self, token: u64) -> Result<bool> {
        let is_held = self.holder()?.is_some_and(|held| held.token == token);
        if is_held {
            self.state.storage().delete(HELD)?;
        }
        Ok(is_held)
    }
}

impl<E: Environment> DurableObject for LeaseObject<E> {
    type Env = E;
    type Client = LeaseClient;
    const HAS_ALARM: bool = false;
    const HAS_METHODS: bool = true;
    const HAS_WEB_SOCKETS: bool = false;

    fn create(state: State, _: E) -> Result<Self> {
        Ok(Self {
            state,
            environment: PhantomData,
        })
    }

    fn call(self: Rc<Self>, method: &str, json: String) -> LocalBoxFuture<'static, Result<String>> {
        let run = || match method {
            ACQUIRE => {
                let (holder, duration) = arguments(&json)?;
                reply(self.acquire(holder, duration))
            }
            RELEASE => {
                let (token,) = arguments(&json)?;
                reply(self.release(token))
            }
            HOLDER => reply(self.holder()),
            _ => unknown_method(method),
        };
        let outcome = run();
        Box::pin(async move { outcome })
    }

    fn alarm(self: Rc<Self>, _: AlarmInfo) -> LocalBoxFuture<'static, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// A lock that one holder has at a time, and that ends by itself: the client of a [`LeaseObject`].
///
/// It is a leader election as well: every candidate calls [`acquire`](Self::acquire) again and
/// again, before a lease would end. The one that holds it is the leader, and the others see who is.
///
/// # Examples
/// ```
/// # use bindery::Environment;
/// # use bindery::coordination::LeaseObject;
/// # use bindery::durable_object::Namespace;
/// # async fn write_report(token: u64) -> bindery::Result<()> { Ok(()) }
/// # async fn f<E: Environment>(leases: Namespace<LeaseObject<E>>) -> bindery::Result<()> {
/// use std::time::Duration;
///
/// use bindery::random;
///
/// let lock = leases.by_name("nightly-report");
/// match lock.acquire(&random::id()?, Duration::from_secs(60)).await? {
///     Ok(lease) => {
///         write_report(lease.token).await?;
///         lock.release(&lease).await?;
///     }
///     Err(other) => println!("{} does it", other.holder),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct LeaseClient(Stub);

impl From<Stub> for LeaseClient {
    fn from(stub: Stub) -> Self {
        Self(stub)
    }
}

impl LeaseClient {
    /// Takes the lock for a time, or renews the lease if `holder` has it. Returns the lease of
    /// another holder as the inner error.
    ///
    /// A renewed lease keeps its token.
    ///
    /// # Errors
    /// The errors of Durable Objects. The lock can be held by `holder` then.
    pub async fn acquire(
        &self,
        holder: &str,
        duration: Duration,
    ) -> Result<std::result::Result<Lease, Lease>> {
        let arguments = (holder, milliseconds(duration).min(LONGEST));
        let (is_acquired, held): (bool, Held) = self.0.call(ACQUIRE, &arguments).await?;
        let lease = Lease::from(held);
        Ok(if is_acquired { Ok(lease) } else { Err(lease) })
    }

    /// Gives the lock up. Returns whether it was still held by this lease.
    ///
    /// # Errors
    /// The errors of Durable Objects. The lease then ends by itself.
    pub async fn release(&self, lease: &Lease) -> Result<bool> {
        self.0.call(RELEASE, &(lease.token,)).await
    }

    /// Returns who holds the lock.
    ///
    /// # Errors
    /// The errors of Durable Objects.
    pub async fn holder(&self) -> Result<Option<Lease>> {
        let held: Option<Held> = self.0.call(HOLDER, &()).await?;
        Ok(held.map(Lease::from))
    }
}
