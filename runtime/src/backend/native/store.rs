//! The SQLite files of KV, R2's index and the queues: ours, without D1's rules.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bindery_sqlite::rusqlite::{self, Connection};

use crate::error::{ErrorKind, Failure};

/// A SQLite file, or a database in memory, shared by the handles of one world.
#[derive(Debug, Clone)]
pub(super) struct Store(Arc<Mutex<Connection>>);

impl Store {
    /// Opens the file, or memory without one, and creates its tables.
    pub(super) fn open(path: Option<&Path>, schema: &str) -> rusqlite::Result<Self> {
        let connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        if path.is_some() {
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "normal")?;
            connection.busy_timeout(Duration::from_secs(5))?;
        }
        connection.execute_batch(schema)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // SQLite undoes what a panic interrupted, so the connection is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on the connection.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        work(&self.lock()).map_err(internal)
    }

    /// Runs `work` as one transaction.
    pub(super) fn transaction<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let mut connection = self.lock();
        let run = || {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(internal)
    }
}

fn internal(error: rusqlite::Error) -> Failure {
    Failure::because(
        ErrorKind::Internal,
        format!("the local state cannot be used: {error}"),
        error,
    )
}
