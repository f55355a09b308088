//! The SQLite databases of KV, the index of R2 and the queues. The rules of D1 do not apply there.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bindery_sqlite::rusqlite::{self, Connection};

use crate::error::{ErrorKind, Failure};

/// A SQLite file or a database in memory, shared by the handles of one backend.
#[derive(Debug, Clone)]
pub(super) struct Store(Arc<Mutex<Connection>>);

impl Store {
    /// Opens a file, or a database in memory, and creates its tables.
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
        // SQLite rolls back a transaction that a panic interrupts, so the connection is usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on the connection.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        work(&self.lock()).map_err(internal)
    }

    /// Runs `work` in one transaction.
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
    let message = format!("the local state cannot be read or written: {error}");
    Failure::because(ErrorKind::Internal, message, error)
}
