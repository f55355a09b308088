//! The SQLite databases of KV, the index of R2 and the queues. The rules of D1 do not apply there.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bindery_sqlite::rusqlite::types::Value;
use bindery_sqlite::rusqlite::{self, Connection, TransactionBehavior};

use crate::error::Failure;

use super::pool::Pool;

/// How long a connection waits for the lock of another process.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A SQLite file or a database in memory, shared by the handles of one backend.
#[derive(Debug, Clone)]
pub(super) struct Store {
    /// A database in memory is opened when it is first used: most tests use few of them.
    pool: Arc<OnceLock<Pool<Connection>>>,
    versions: &'static [&'static str],
}

impl Store {
    /// Opens a file, or a database in memory, and brings its tables to the last of `versions`: the
    /// SQL that creates them, and the SQL of each later change.
    pub(super) fn open(
        path: Option<&Path>,
        versions: &'static [&'static str],
    ) -> rusqlite::Result<Self> {
        let store = Self {
            pool: Arc::default(),
            versions,
        };
        let Some(path) = path else {
            return Ok(store);
        };

        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        upgrade(&connection, versions)?;
        let pool = Pool::new(Some(path), connection)?;
        store.pool.get_or_init(|| pool);
        Ok(store)
    }

    fn pool(&self) -> Result<&Pool<Connection>, Failure> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let connection = Connection::open_in_memory()?;
        upgrade(&connection, self.versions)?;
        let pool = Pool::new(None, connection)?;
        Ok(self.pool.get_or_init(|| pool))
    }

    /// Runs a read. It can run twice: what it returns the first time is then discarded.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let pool = self.pool()?;
        if let Some(result) = pool.try_read(|connection| Ok(work(connection)?)) {
            return result.map_err(internal);
        }
        let result = pool.read(move |connection| Ok(work(connection)?)).await;
        result.map_err(internal)
    }

    /// Runs a write in one transaction.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let result = self.pool()?.write(move |connection| {
            let behavior = TransactionBehavior::Immediate;
            let transaction = rusqlite::Transaction::new_unchecked(connection, behavior)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        });
        result.await.map_err(internal)
    }
}

/// Applies the versions that a database does not have, each in one transaction.
fn upgrade(connection: &Connection, versions: &[&str]) -> rusqlite::Result<()> {
    let version = "PRAGMA user_version";
    let current: u32 = connection.query_row(version, [], |row| row.get(0))?;
    for (index, sql) in versions.iter().enumerate().skip(current as usize) {
        let next = index + 1;
        let script = format!("BEGIN IMMEDIATE; {sql}; PRAGMA user_version = {next}; COMMIT");
        connection.execute_batch(&script)?;
    }
    Ok(())
}

/// Adds that the error is one of the local state.
fn internal(failure: Failure) -> Failure {
    let message = format!(
        "the local state cannot be read or written: {}",
        failure.message
    );
    failure.saying(message)
}

/// The keys that a list returns, as parameters of a range that SQLite finds in its index:
/// `key >= start AND key > after AND key < end`.
pub(super) struct KeyRange {
    pub(super) start: String,
    pub(super) after: String,
    pub(super) end: Value,
}

impl KeyRange {
    /// The keys with a prefix, after a cursor: the last key of the previous page.
    pub(super) fn new(prefix: Option<&str>, cursor: Option<&str>) -> Self {
        let prefix = prefix.unwrap_or_default();
        Self {
            start: prefix.to_owned(),
            after: cursor.unwrap_or_default().to_owned(),
            // Every text is less than a BLOB.
            end: end_of(prefix).map_or(Value::Blob(Vec::new()), Value::Text),
        }
    }
}

/// Returns the first text after all texts with a prefix, or `None` if there is none.
pub(super) fn end_of(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // The characters between U+D7FF and U+E000 are surrogates, which no text contains.
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn the_end_of_a_prefix_is_after_every_text_with_it() {
        assert_eq!(end_of("a"), Some("b".to_owned()));
        assert_eq!(end_of("a\u{7f}"), Some("a\u{80}".to_owned()));
        assert_eq!(end_of("a\u{D7FF}"), Some("a\u{E000}".to_owned()));
        assert_eq!(end_of("a\u{10FFFF}"), Some("b".to_owned()));
        assert_eq!(end_of("\u{10FFFF}"), None);
        assert_eq!(end_of(""), None);
    }
}
