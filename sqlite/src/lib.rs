//! SQLite as D1 runs it.
//!
//! Two callers need the same database and must not disagree: the compiler, which judges a query
//! before it is built, and the native backend, which runs it. Both open it here.
//!
//! Takes SQL, gives a [`Database`] that refuses what D1 refuses (functions, pragmas, virtual
//! tables, transactions, limits). Knows nothing of manifests, types or files to generate.

mod authorizer;
mod functions;
mod limits;
pub mod migrations;
pub mod replay;
pub mod token;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use authorizer::Access;
pub use limits::{MAX_BOUND_PARAMETERS, MAX_PATTERN_BYTES, MAX_ROW_BYTES, MAX_SQL_BYTES};
pub use rusqlite;

/// A SQLite connection that behaves as a D1 database does.
#[derive(Debug)]
pub struct Database {
    connection: rusqlite::Connection,
    rules: Arc<authorizer::Rules>,
}

impl Database {
    /// Opens an empty database in memory.
    ///
    /// # Errors
    /// When SQLite cannot open it or refuses a setting.
    pub fn in_memory() -> rusqlite::Result<Self> {
        Self::prepared(rusqlite::Connection::open_in_memory()?)
    }

    /// Opens the database file at `path`, creating it when absent.
    ///
    /// The file is in WAL mode: an acknowledged write survives the death of the process.
    ///
    /// # Errors
    /// When SQLite cannot open it or refuses a setting.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = rusqlite::Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        Self::prepared(connection)
    }

    fn prepared(mut connection: rusqlite::Connection) -> rusqlite::Result<Self> {
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_prepared_statement_cache_capacity(256);
        functions::register(&connection)?;
        limits::set(&connection)?;
        let rules = Arc::new(authorizer::Rules::default());
        authorizer::install(&mut connection, Arc::clone(&rules))?;
        Ok(Self { connection, rules })
    }

    /// The database as bytes: what [`Database::from_bytes`] takes.
    ///
    /// # Errors
    /// When SQLite has no memory for them.
    pub fn to_bytes(&mut self) -> rusqlite::Result<Vec<u8>> {
        // SQLite counts the pages with a pragma that the rules deny.
        self.rules.trusted.store(true, Ordering::Relaxed);
        let bytes = self.connection.serialize("main").map(|data| data.to_vec());
        self.rules.trusted.store(false, Ordering::Relaxed);
        bytes
    }

    /// A database in memory from bytes of [`Database::to_bytes`].
    ///
    /// # Errors
    /// When the bytes are no database.
    pub fn from_bytes(bytes: &[u8]) -> rusqlite::Result<Self> {
        let mut database = Self::in_memory()?;
        // To SQLite this is an ATTACH.
        database.rules.trusted.store(true, Ordering::Relaxed);
        let read = database
            .connection
            .deserialize_read_exact("main", bytes, bytes.len(), false);
        database.rules.trusted.store(false, Ordering::Relaxed);
        read?;
        // A database that cannot be read is found out here, and not by a query.
        database.trusted(|connection| {
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        })?;
        Ok(database)
    }

    /// The connection, under D1's rules.
    #[must_use]
    pub fn connection(&self) -> &rusqlite::Connection {
        &self.connection
    }

    /// Prepares a statement, and gives what it reads and writes: what SQLite asked leave for.
    ///
    /// # Errors
    /// When SQLite or D1's rules refuse the statement.
    pub fn prepare_noting(
        &self,
        sql: &str,
    ) -> rusqlite::Result<(rusqlite::Statement<'_>, BTreeSet<Access>)> {
        self.rules.note();
        let prepared = self.connection.prepare(sql);
        let accesses = self.rules.noted();
        prepared.map(|statement| (statement, accesses))
    }

    /// What the rules denied last, in words, if they did since this was asked last.
    #[must_use]
    pub fn denied(&self) -> Option<String> {
        self.rules.denied()
    }

    /// Runs `work` with the rules lifted: for our own bookkeeping, never for a user's SQL.
    ///
    /// # Errors
    /// Whatever `work` returns.
    pub fn trusted<T>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.rules.trusted.store(true, Ordering::Relaxed);
        let result = work(&self.connection);
        self.rules.trusted.store(false, Ordering::Relaxed);
        result
    }

    /// Runs `work` as one transaction: all of it is kept, or none.
    ///
    /// # Errors
    /// Whatever `work` returns, after everything it did was undone.
    pub fn transaction<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.trusted(|connection| connection.execute_batch("BEGIN IMMEDIATE"))?;
        match work(&self.connection) {
            Ok(value) => match self.trusted(|connection| connection.execute_batch("COMMIT")) {
                Ok(()) => Ok(value),
                Err(error) => {
                    self.roll_back();
                    Err(error.into())
                }
            },
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    /// A failed ROLLBACK means that SQLite has already rolled back by itself.
    fn roll_back(&self) {
        let _already_rolled_back = self.trusted(|connection| connection.execute_batch("ROLLBACK"));
    }
}

#[cfg(test)]
mod tests {
    use super::Database;

    #[test]
    fn a_database_comes_back_from_its_bytes() {
        let mut database = Database::in_memory().expect("opens");
        database
            .connection()
            .execute_batch("CREATE TABLE a (x); INSERT INTO a VALUES (7)")
            .expect("creates");
        let bytes = database.to_bytes().expect("gives bytes");
        let again = Database::from_bytes(&bytes).expect("opens");
        let seven: i64 = again
            .connection()
            .query_row("SELECT x FROM a", [], |row| row.get(0))
            .expect("reads");
        assert_eq!(seven, 7);
        assert!(
            again
                .connection()
                .prepare("SELECT sqlite_version()")
                .is_err(),
            "the rules hold"
        );
        assert!(Database::from_bytes(b"no database").is_err());
    }
}
