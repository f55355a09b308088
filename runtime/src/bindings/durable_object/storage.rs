//! The storage of an object: values by key, and its alarm.

use std::fmt;
use std::future::Future;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::json;
use crate::limits::durable_object as limits;
use crate::observe::{Counts, Gate};

/// The storage of an object: values by key, and its alarm. Its tables are in
/// [`State::database`](super::State::database).
///
/// The operations do not wait: nothing else of the object runs between them. All writes between two
/// points where a call waits are stored together or not at all, and the caller has its response
/// only after they are stored.
///
/// It needs a class with SQLite storage (`new_sqlite_classes` in the manifest).
///
/// <https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/>
///
/// # Examples
/// ```
/// # fn f(state: bindery::durable_object::State) -> bindery::Result<()> {
/// let storage = state.storage();
/// let visits = storage.get("visits")?.unwrap_or(0) + 1;
/// storage.put("visits", &visits)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Storage {
    backend: backend::ObjectState,
    gate: Gate,
}

impl fmt::Debug for Storage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Storage").finish_non_exhaustive()
    }
}

impl Storage {
    pub(super) fn new(backend: backend::ObjectState, gate: Gate) -> Self {
        Self { backend, gate }
    }

    /// Returns the value of a key, or `None` if it has none.
    ///
    /// # Errors
    /// `Decode` if the value has another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let json = self.run("storage_get", || {
            check_key(key)?;
            self.backend.get(key)
        })?;
        let value = json.map(|json| decode(key, &json)).transpose();
        value.map_err(|failure| self.gate.failed("storage_get", failure))
    }

    /// Stores a value, which can be anything that serializes as JSON.
    ///
    /// # Errors
    /// `TooLarge` if the key and the value have more than 2 MB. `InvalidArgument` if the value
    /// contains an integer beyond ±(2^53 − 1), which JavaScript would round.
    pub fn put<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<()> {
        let json = json::encode("the value", value);
        self.run("storage_put", || {
            check_key(key)?;
            let json = json?;
            check_size(key, &json)?;
            self.backend.put(key, &json)
        })
    }

    /// Deletes the value of a key. Returns whether it had one.
    ///
    /// # Errors
    /// Any error of the platform.
    pub fn delete(&self, key: &str) -> Result<bool> {
        self.run("storage_delete", || {
            check_key(key)?;
            self.backend.delete(key)
        })
    }

    /// Returns the values of some keys, in the order of the UTF-8 of the keys.
    ///
    /// # Errors
    /// `Decode` if a value has another type.
    ///
    /// # Examples
    /// ```
    /// # use bindery::durable_object::{List, State};
    /// # fn f(state: State) -> bindery::Result<()> {
    /// let scores: Vec<(String, u32)> = state.storage().list(&List::prefix("score:"))?;
    /// # Ok(()) }
    /// ```
    pub fn list<T: DeserializeOwned>(&self, list: &List) -> Result<Vec<(String, T)>> {
        let found = self.run("storage_list", || self.backend.list(list))?;
        let decoded = found.into_iter().map(|(key, json)| {
            let value = decode(&key, &json)?;
            Ok((key, value))
        });
        let decoded: Result<_, Failure> = decoded.collect();
        decoded.map_err(|failure| self.gate.failed("storage_list", failure))
    }

    /// Deletes everything that the object stores: values, tables and the alarm. An object without
    /// storage costs nothing.
    ///
    /// The tables of [`State::database`](super::State::database) are gone until the object is
    /// created again.
    ///
    /// # Errors
    /// Any error of the platform.
    pub async fn delete_all(&self) -> Result<()> {
        let work = async {
            self.backend.delete_all().await?;
            Ok(((), Counts::default()))
        };
        self.gate.pass("storage_delete_all", None, work).await
    }

    /// Runs a future whose writes are stored together, or not at all if it fails. Meanwhile no
    /// other call of the object makes progress.
    ///
    /// # Errors
    /// The error of the future; then nothing is stored.
    ///
    /// # Examples
    /// ```
    /// # async fn f(state: bindery::durable_object::State) -> bindery::Result<()> {
    /// let storage = state.storage();
    /// storage
    ///     .transaction(async {
    ///         storage.put("from", &1)?;
    ///         storage.put("to", &2)
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub async fn transaction<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.backend.transaction(work).await
    }

    /// Returns the bytes that the object stores.
    ///
    /// # Errors
    /// Any error of the platform.
    pub fn size(&self) -> Result<u64> {
        self.run("storage_size", || self.backend.size())
    }

    /// Returns the time at which the alarm fires, or `None` if none is set.
    ///
    /// # Errors
    /// Any error of the platform.
    pub async fn alarm(&self) -> Result<Option<SystemTime>> {
        let work = async { Ok((self.backend.alarm().await?, Counts::default())) };
        self.gate.pass("alarm_get", None, work).await
    }

    /// Sets the alarm of the object to a time, instead of an earlier one. It fires once; a handler
    /// that fails is called again, at most six times, after 2 seconds and then twice as long.
    ///
    /// # Errors
    /// `InvalidArgument` if the class has no `alarm` handler.
    ///
    /// # Examples
    /// ```
    /// # async fn f(state: bindery::durable_object::State) -> bindery::Result<()> {
    /// use std::time::Duration;
    ///
    /// let time = bindery::time::now() + Duration::from_secs(60);
    /// state.storage().set_alarm(time).await?;
    /// # Ok(()) }
    /// ```
    pub async fn set_alarm(&self, time: SystemTime) -> Result<()> {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
        let milliseconds = since_epoch.unwrap_or(Duration::ZERO).as_millis();
        let work = async {
            let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
            self.backend.set_alarm(milliseconds).await?;
            Ok(((), Counts::default()))
        };
        self.gate.pass("alarm_set", None, work).await
    }

    /// Removes the alarm.
    ///
    /// # Errors
    /// Any error of the platform.
    pub async fn delete_alarm(&self) -> Result<()> {
        let work = async {
            self.backend.delete_alarm().await?;
            Ok(((), Counts::default()))
        };
        self.gate.pass("alarm_delete", None, work).await
    }

    /// Runs an operation that does not wait.
    fn run<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T> {
        self.gate.pass_sync(operation, work)
    }
}

/// The keys that [`Storage::list`] returns: all of them, unless it is limited.
#[derive(Debug, Clone, Default)]
pub struct List {
    pub(crate) prefix: Option<String>,
    pub(crate) start: Option<String>,
    pub(crate) end: Option<String>,
    pub(crate) limit: Option<u32>,
    pub(crate) is_reverse: bool,
}

impl List {
    /// All keys.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The keys with a prefix.
    #[must_use]
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self {
            prefix: Some(prefix.into()),
            ..Self::default()
        }
    }

    /// Only `key` and those after it.
    #[must_use]
    pub fn start(mut self, key: impl Into<String>) -> Self {
        self.start = Some(key.into());
        self
    }

    /// Only keys before `key`.
    #[must_use]
    pub fn end(mut self, key: impl Into<String>) -> Self {
        self.end = Some(key.into());
        self
    }

    /// At most `limit` keys.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// In the reverse order.
    #[must_use]
    pub fn reverse(mut self) -> Self {
        self.is_reverse = true;
        self
    }
}

fn decode<T: DeserializeOwned>(key: &str, json: &str) -> Result<T, Failure> {
    json::parse(json).map_err(|error| {
        let message = format!("the value of `{key}` does not have the expected type: {error}");
        Failure::new(ErrorKind::Decode, message)
    })
}

fn check_key(key: &str) -> Result<(), Failure> {
    if key.is_empty() {
        let message = "the key is empty";
        return Err(Failure::new(ErrorKind::InvalidArgument, message));
    }
    Ok(())
}

fn check_size(key: &str, json: &str) -> Result<(), Failure> {
    let size = key.len() + json.len();
    if size <= limits::VALUE_BYTES {
        return Ok(());
    }
    let message = format!(
        "the key and the value have {size} bytes, and the limit is {}; see {}",
        limits::VALUE_BYTES,
        limits::PAGE
    );
    Err(Failure::new(ErrorKind::TooLarge, message))
}
