//! Counters over several objects.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use futures_util::future::{LocalBoxFuture, try_join_all};

use crate::app::Environment;
use crate::durable_object::{
    AlarmInfo, DurableObject, Namespace, State, Stub, arguments, reply, unknown_method,
};
use crate::error::{Error, ErrorKind, Result};
use crate::random;

/// The largest count: integers beyond it are rounded in JavaScript.
const LARGEST: i64 = (1 << 53) - 1;

/// The key of the count in the storage of the object.
const COUNT: &str = "count";

/// The methods.
const ADD: &str = "add";
const GET: &str = "get";

/// The Durable Object class of a [`ShardedCounter`]. Each shard is an object.
#[derive(Debug)]
pub struct CounterObject<E> {
    state: State,
    environment: PhantomData<fn() -> E>,
}

impl<E> CounterObject<E> {
    fn get(&self) -> Result<i64> {
        let count: Option<i64> = self.state.storage().get(COUNT)?;
        Ok(count.unwrap_or_default())
    }

    /// Without a wait: two calls at the same time are both counted.
    fn add(&self, number: i64) -> Result<i64> {
        let sum = self.get()?.checked_add(number);
        let sum = sum.filter(|sum| (-LARGEST..=LARGEST).contains(sum));
        let sum = sum.ok_or_else(|| {
            let message = "a counter is at most 2^53 - 1";
            Error::worker("add", ErrorKind::InvalidArgument, message)
        })?;
        self.state.storage().put(COUNT, &sum)?;
        Ok(sum)
    }
}

impl<E: Environment> DurableObject for CounterObject<E> {
    type Env = E;
    type Client = CounterClient;
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
            ADD => {
                let (number,) = arguments(&json)?;
                reply(self.add(number))
            }
            GET => reply(self.get()),
            _ => unknown_method(method),
        };
        let outcome = run();
        Box::pin(async move { outcome })
    }

    fn alarm(self: Rc<Self>, _: AlarmInfo) -> LocalBoxFuture<'static, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// The client of one shard, which [`ShardedCounter`] calls.
#[derive(Debug, Clone)]
pub struct CounterClient(Stub);

impl From<Stub> for CounterClient {
    fn from(stub: Stub) -> Self {
        Self(stub)
    }
}

/// A counter that many requests change at the same time.
///
/// One object serves about a thousand calls in a second. The counter is divided over several, and
/// its value is their sum. It is exact, but for a call that fails after it was counted.
///
/// # Examples
/// ```
/// # use bindery::Environment;
/// # use bindery::durable_object::Namespace;
/// # use bindery::coordination::{CounterObject, ShardedCounter};
/// # async fn f<E: Environment>(counters: Namespace<CounterObject<E>>) -> bindery::Result<()> {
/// let views = ShardedCounter::new(&counters, "views:home", 8);
/// views.add(1).await?;
/// println!("{} views", views.sum().await?);
/// # Ok(()) }
/// ```
pub struct ShardedCounter<E> {
    objects: Namespace<CounterObject<E>>,
    name: String,
    shards: u32,
}

impl<E> fmt::Debug for ShardedCounter<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ShardedCounter")
            .field("name", &self.name)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

impl<E: Environment> ShardedCounter<E> {
    /// A counter with a number of shards, at least one. The number can grow later, and must not
    /// shrink.
    #[must_use]
    pub fn new(
        objects: &Namespace<CounterObject<E>>,
        name: impl Into<String>,
        shards: u32,
    ) -> Self {
        Self {
            objects: objects.clone(),
            name: name.into(),
            shards: shards.max(1),
        }
    }

    fn shard(&self, index: u32) -> Stub {
        let CounterClient(stub) = self.objects.by_name(format_args!("{}:{index}", self.name));
        stub
    }

    /// Adds a number, which can be negative, to one of the shards.
    ///
    /// # Errors
    /// `InvalidArgument` if a shard would be beyond ±(2^53 − 1). The errors of Durable Objects: the
    /// number can have been added then.
    pub async fn add(&self, number: i64) -> Result<()> {
        let random = u32::from_le_bytes(random::bytes()?);
        let shard = self.shard(random % self.shards);
        let _: i64 = shard.call(ADD, &(number,)).await?;
        Ok(())
    }

    /// Returns the sum of all shards.
    ///
    /// # Errors
    /// The errors of Durable Objects.
    pub async fn sum(&self) -> Result<i64> {
        let shards = (0..self.shards).map(|index| {
            let shard = self.shard(index);
            async move { shard.call::<_, i64>(GET, &()).await }
        });
        Ok(try_join_all(shards).await?.iter().sum())
    }
}
