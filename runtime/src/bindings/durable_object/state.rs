//! The state of an object, as the object itself sees it.

use std::fmt;
use std::future::Future;

use super::{ObjectId, Storage};
use crate::app::{Content, TaskOutput};
use crate::backend;
use crate::d1::Database;
use crate::error::{Error, Result};
use crate::observe::{Gate, Scope};

/// The state of an object. The constructor of its class receives it.
///
/// Clones are the same state.
#[derive(Clone)]
pub struct State {
    backend: backend::ObjectState,
    gate: Gate,
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("State")
            .field("id", &self.backend.id())
            .finish_non_exhaustive()
    }
}

impl State {
    pub(crate) fn new(backend: backend::ObjectState, gate: Gate) -> Self {
        Self { backend, gate }
    }

    /// Returns the id of the object.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        ObjectId(self.backend.id())
    }

    /// Returns the name of the object, if it was found by its name.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.backend.name()
    }

    /// Returns the storage of the object.
    #[must_use]
    pub fn storage(&self) -> Storage {
        Storage::new(self.backend.clone(), self.gate.clone())
    }

    /// Opens the database of the object with the checked queries of its class, and applies pending
    /// migrations.
    ///
    /// The settings of the class name its migrations:
    ///
    /// ```toml
    /// [package.metadata.bindery.ROOMS]
    /// migrations = "migrations/rooms"
    /// ```
    ///
    /// # Errors
    /// `Misconfigured` if a migration fails, or the class does not have SQLite storage.
    ///
    /// # Examples
    /// ```ignore
    /// fn new(state: State, env: Env) -> bindery::Result<Self> {
    ///     let database: bindings::RoomsDb = state.database()?;
    ///     Ok(Self { database })
    /// }
    /// ```
    pub fn database<D: ObjectDatabase>(&self) -> Result<D> {
        let database = self.backend.database(&D::CONTENT);
        let database = database.map_err(|failure| Error::of_worker("start", failure))?;
        Ok(D::of(crate::d1::D1::of_object(self.gate.clone(), database)))
    }

    /// Runs a future to its end, while the caller already has its response. If the future returns
    /// an error, the error is logged.
    ///
    /// <https://developers.cloudflare.com/durable-objects/api/state/#waituntil>
    pub fn wait_until<F>(&self, future: F)
    where
        F: Future<Output: TaskOutput> + 'static,
    {
        let future = async move {
            if let Some(problem) = future.await.problem() {
                backend::log_line(&format!("error: background work failed: {problem}"));
            }
        };
        let scope = Scope::current().unwrap_or_default();
        self.backend.wait_until(scope.run(future));
    }

    /// Runs a future during which no other call of the object makes progress. If it fails, the
    /// object is reset: the next call creates it again.
    ///
    /// Storage needs no such protection: nothing runs between its operations.
    ///
    /// <https://developers.cloudflare.com/durable-objects/api/state/#blockconcurrencywhile>
    ///
    /// # Errors
    /// The error of the future.
    ///
    /// # Examples
    /// ```ignore
    /// let rate = self.state.block_concurrency_while(async { self.read_rate().await }).await?;
    /// ```
    pub async fn block_concurrency_while<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.backend.block_concurrency_while(work).await
    }

    /// Resets the object: its calls fail, what it has in memory is dropped, and the next call
    /// creates it again. Its storage is unchanged.
    ///
    /// <https://developers.cloudflare.com/durable-objects/api/state/#abort>
    pub fn abort(&self, reason: &str) {
        self.backend.abort(reason);
    }
}

/// The generated type of the database of each object of a class.
pub trait ObjectDatabase: Database {
    /// The migrations.
    #[doc(hidden)]
    const CONTENT: Content;
}
