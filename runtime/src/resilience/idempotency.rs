//! Work that is done once although it is asked for several times.

use std::future::IntoFuture;
use std::time::{Duration, UNIX_EPOCH};

use crate::d1::{D1, DecodeError, Exec, FromRow, NamedRow, Query, Row};
use crate::error::{Error, Result};
use crate::kv::{Core, Kv};
use crate::time;

/// How long a key is kept by default: longer than a queue keeps a message.
const TTL: Duration = Duration::from_secs(15 * 24 * 3600);

/// How long one attempt may take by default, before another one may start.
const LEASE: Duration = Duration::from_secs(5 * 60);

/// The longest time that is stored: a thousand years.
const LONGEST: Duration = Duration::from_secs(1000 * 366 * 24 * 3600);

/// The start of the keys in KV.
const PREFIX: &str = "idempotency:";

/// The keys of work that is done, in D1 or KV.
///
/// A queue can deliver a message twice, and a client can repeat a request whose response it did not
/// receive. With a key for each piece of work, such as the id of the message or a header
/// `Idempotency-Key`, the work is skipped when it is already done.
///
/// - [`run`](Self::run) with a table of D1 never runs two attempts with one key at the same time.
///   Work is repeated only if the worker ends, or D1 fails, between the work and the note that it
///   is done.
/// - [`insert`](Self::insert) notes the key in the batch of D1 that does the work: the work is
///   applied exactly once.
/// - KV is eventually consistent: two attempts within about a minute can both run. It is for work
///   that is only expensive when it is repeated.
///
/// # Examples
/// ```
/// # async fn index(note: &u64) -> bindery::Result<()> { Ok(()) }
/// use bindery::queue::Batch;
/// use bindery::resilience::{IdempotencyKeys, Run};
///
/// async fn process(batch: Batch<'_, u64>, keys: IdempotencyKeys) -> bindery::Result<()> {
///     for message in batch {
///         let key = format!("index:{}", message.id());
///         match keys.run(&key, || index(message.body())).await {
///             Ok(Run::Done(()) | Run::AlreadyDone) => message.ack(),
///             Ok(Run::InProgress) | Err(_) => message.retry(),
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct IdempotencyKeys {
    store: Store,
    ttl: Duration,
    lease: Duration,
}

#[derive(Debug, Clone)]
enum Store {
    D1(D1),
    Kv(Core),
}

/// What became of the work with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run<T> {
    /// It was done now, with this result.
    Done(T),
    /// It had been done before.
    AlreadyDone,
    /// Another attempt has begun and not ended.
    InProgress,
}

impl IdempotencyKeys {
    /// The table of [`d1`](Self::d1), for a migration.
    pub const TABLE: &str = "CREATE TABLE idempotency_keys (
    key TEXT NOT NULL PRIMARY KEY,
    done INTEGER NOT NULL CHECK (done IN (0, 1)),
    claimed_until INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_expires ON idempotency_keys (expires);";

    /// Keeps the keys in the table [`TABLE`](Self::TABLE) of a database.
    #[must_use]
    pub fn d1(database: &D1) -> Self {
        Self::new(Store::D1(database.clone()))
    }

    /// Keeps the keys in a KV namespace, under names that start with `idempotency:`.
    #[must_use]
    pub fn kv<B>(namespace: &Kv<B>) -> Self {
        Self::new(Store::Kv(namespace.core().clone()))
    }

    fn new(store: Store) -> Self {
        Self {
            store,
            ttl: TTL,
            lease: LEASE,
        }
    }

    /// Keeps a key for `ttl`: by default 15 days, which is longer than a queue keeps a message.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl.min(LONGEST);
        self
    }

    /// Lets another attempt start when one has not ended after `lease`: by default 5 minutes.
    ///
    /// It must be longer than the work takes. KV has no leases.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.min(LONGEST);
        self
    }

    /// Does the work unless it is done, and notes that it is.
    ///
    /// If the work fails, its error is returned, and the next attempt does it again.
    ///
    /// # Errors
    /// The errors of `work`, and those of D1 or KV. The work can be done although this fails: the
    /// key is then free after the lease.
    pub async fn run<T, F>(&self, key: &str, work: impl FnOnce() -> F) -> Result<Run<T>>
    where
        F: IntoFuture<Output = Result<T>>,
    {
        let claim = match self.claim(key).await? {
            Claim::New(claim) => claim,
            Claim::Done => return Ok(Run::AlreadyDone),
            Claim::Taken => return Ok(Run::InProgress),
        };
        match work().await {
            Ok(value) => {
                self.finish(key).await?;
                Ok(Run::Done(value))
            }
            Err(error) => {
                // A claim that stays ends with its lease.
                let _ = self.release(key, claim).await;
                Err(error)
            }
        }
    }

    /// Returns a query that notes a key as done, for a batch with the writes of the work.
    ///
    /// If the key is noted already, the batch fails and none of its writes is applied:
    /// [`is_repeated`](Self::is_repeated) recognizes its error. The key is kept for 15 days.
    ///
    /// # Examples
    /// ```
    /// # use bindery::d1::{D1, Exec, Query};
    /// # async fn f(database: &D1, add_credit: Query<'_, Exec>) -> bindery::Result<()> {
    /// use bindery::resilience::IdempotencyKeys;
    ///
    /// let key = IdempotencyKeys::insert(database, "payment:7");
    /// match database.batch((key, add_credit)).await {
    ///     Err(error) if IdempotencyKeys::is_repeated(&error) => println!("already paid"),
    ///     result => drop(result?),
    /// }
    /// # Ok(()) }
    /// ```
    pub fn insert<'d>(database: &'d D1, key: &str) -> Query<'d, Exec> {
        let sql = "INSERT INTO idempotency_keys (key, done, claimed_until, expires)
                   VALUES (?1, 1, 0, ?2)";
        let query = database.unchecked(sql).named("idempotency_insert");
        let query = query.bind(key.to_owned()).bind(after(TTL));
        query.execute()
    }

    /// Reports whether the error of a batch is that of [`insert`](Self::insert) for a key that was
    /// noted before.
    #[must_use]
    pub fn is_repeated(error: &Error) -> bool {
        let violation = error.violation();
        violation.is_some_and(|violation| violation.is_of("idempotency_keys", "key"))
    }

    /// Deletes the keys of the table that are older than their time. Returns their number.
    ///
    /// Call it from a cron. KV deletes its keys by itself.
    ///
    /// # Errors
    /// The errors of D1.
    pub async fn clean_up(&self) -> Result<u64> {
        let Store::D1(database) = &self.store else {
            return Ok(0);
        };
        let sql = "DELETE FROM idempotency_keys WHERE expires <= ?1";
        let query = database.unchecked(sql).named("idempotency_clean_up");
        Ok(query.bind(after(Duration::ZERO)).execute().await?.rows)
    }
}

/// The state of a key before its work.
enum Claim {
    /// This attempt has it until a time.
    New(i64),
    Done,
    Taken,
}

impl IdempotencyKeys {
    async fn claim(&self, key: &str) -> Result<Claim> {
        let database = match &self.store {
            Store::D1(database) => database,
            Store::Kv(namespace) => {
                let found = namespace.text(&format!("{PREFIX}{key}")).await?;
                return Ok(found.map_or(Claim::New(0), |_| Claim::Done));
            }
        };

        let claim = after(self.lease);
        let sql = "INSERT INTO idempotency_keys (key, done, claimed_until, expires)
                   VALUES (?1, 0, ?2, ?3)
                   ON CONFLICT (key) DO UPDATE
                   SET done = 0, claimed_until = excluded.claimed_until, expires = excluded.expires
                   WHERE (done = 0 AND claimed_until <= ?4) OR expires <= ?4";
        let query = database.unchecked(sql).named("idempotency_claim");
        let query = query.bind(key.to_owned()).bind(claim);
        let query = query
            .bind(after(self.ttl.max(self.lease)))
            .bind(after(Duration::ZERO));
        if query.execute().await?.rows > 0 {
            return Ok(Claim::New(claim));
        }

        let sql = "SELECT done FROM idempotency_keys WHERE key = ?1";
        let query = database.unchecked(sql).named("idempotency_read");
        let found = query.bind(key.to_owned()).optional::<Found>().await?;
        Ok(match found {
            Some(Found(true)) => Claim::Done,
            // Or it has just been released.
            Some(Found(false)) | None => Claim::Taken,
        })
    }

    async fn finish(&self, key: &str) -> Result<()> {
        match &self.store {
            Store::D1(database) => {
                let sql = "UPDATE idempotency_keys SET done = 1, expires = ?2 WHERE key = ?1";
                let query = database.unchecked(sql).named("idempotency_finish");
                let query = query.bind(key.to_owned()).bind(after(self.ttl));
                query.execute().await.map(drop)
            }
            Store::Kv(namespace) => {
                let name = format!("{PREFIX}{key}");
                namespace.put_text(&name, "1", Some(self.ttl)).await
            }
        }
    }

    /// Gives a claim up, unless another attempt has the key by now.
    async fn release(&self, key: &str, claim: i64) -> Result<()> {
        let Store::D1(database) = &self.store else {
            return Ok(());
        };
        let sql = "DELETE FROM idempotency_keys WHERE key = ?1 AND done = 0 AND claimed_until = ?2";
        let query = database.unchecked(sql).named("idempotency_release");
        let query = query.bind(key.to_owned()).bind(claim);
        query.execute().await.map(drop)
    }
}

/// The time after `duration`, in milliseconds since the Unix epoch.
fn after(duration: Duration) -> i64 {
    let now = time::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from((now + duration).as_millis()).unwrap_or(i64::MAX)
}

/// Whether the work of a key is done.
struct Found(bool);

impl FromRow for Found {
    fn from_row(row: &mut Row<'_>) -> Result<Self, DecodeError> {
        Ok(Self(row.take(0)?))
    }
}

impl NamedRow for Found {
    const COLUMNS: &'static [&'static str] = &["done"];
}
