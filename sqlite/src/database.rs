//! A connection that behaves like a D1 database.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;

use crate::authorizer::Access;
use crate::{authorizer, functions, limits};

/// How long a connection waits for the lock of another process.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// A SQLite connection that behaves like a D1 database.
#[derive(Debug)]
pub struct Database {
    connection: rusqlite::Connection,
    rules: Arc<authorizer::Rules>,
}

impl Database {
    /// Opens an empty database in memory.
    ///
    /// # Errors
    /// When SQLite cannot open it or rejects a setting.
    pub fn in_memory() -> rusqlite::Result<Self> {
        Self::with_rules(rusqlite::Connection::open_in_memory()?)
    }

    /// Opens the database file at `path` and creates it if it does not exist.
    ///
    /// The file is in WAL mode, so an acknowledged write survives a crash of the process.
    ///
    /// # Errors
    /// When SQLite cannot open it or rejects a setting.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = rusqlite::Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Self::with_rules(connection)
    }

    /// Opens the database file at `path`, which exists, to read from it.
    ///
    /// In WAL mode, readers and the writer do not wait for each other.
    ///
    /// # Errors
    /// When SQLite cannot open it or rejects a setting.
    pub fn open_reader(path: &Path) -> rusqlite::Result<Self> {
        let connection = rusqlite::Connection::open(path)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Self::with_rules(connection)
    }

    /// Applies D1's functions, limits and authorizer to a connection.
    fn with_rules(mut connection: rusqlite::Connection) -> rusqlite::Result<Self> {
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_prepared_statement_cache_capacity(256);

        functions::register(&connection)?;
        limits::set(&connection)?;

        let rules = Arc::new(authorizer::Rules::default());
        authorizer::install(&mut connection, Arc::clone(&rules))?;
        Ok(Self { connection, rules })
    }

    /// Serializes the database into bytes that [`Database::from_bytes`] accepts.
    ///
    /// # Errors
    /// When SQLite runs out of memory.
    pub fn to_bytes(&mut self) -> rusqlite::Result<impl Deref<Target = [u8]>> {
        // SQLite counts the pages with a pragma that the rules reject.
        self.rules.trusted.store(true, Ordering::Relaxed);
        let bytes = self.connection.serialize("main");
        self.rules.trusted.store(false, Ordering::Relaxed);
        bytes
    }

    /// Opens a database in memory from the bytes that [`Database::to_bytes`] returned.
    ///
    /// # Errors
    /// When the bytes are not a database.
    pub fn from_bytes(bytes: &[u8]) -> rusqlite::Result<Self> {
        let mut database = Self::in_memory()?;

        // SQLite implements this as an ATTACH, which the rules reject.
        database.rules.trusted.store(true, Ordering::Relaxed);
        let read = database
            .connection
            .deserialize_read_exact("main", bytes, bytes.len(), false);
        database.rules.trusted.store(false, Ordering::Relaxed);
        read?;

        // SQLite reads the bytes lazily; without this, the first query would fail instead.
        database.trusted(|connection| {
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        })?;
        Ok(database)
    }

    /// Deletes all tables and their rows.
    ///
    /// # Errors
    /// When a transaction is open.
    pub fn delete_all(&self) -> rusqlite::Result<()> {
        self.trusted(|connection| {
            connection.flush_prepared_statement_cache();
            let set = |defensive| {
                let (reset, defense) = (
                    DbConfig::SQLITE_DBCONFIG_RESET_DATABASE,
                    DbConfig::SQLITE_DBCONFIG_DEFENSIVE,
                );
                connection.set_db_config(defense, defensive)?;
                connection.set_db_config(reset, !defensive)
            };

            // https://sqlite.org/c3ref/c_dbconfig_defensive.html#sqlitedbconfigresetdatabase
            set(false)?;
            // SQLite attaches the new database to the old one.
            let limit = connection.limit(Limit::SQLITE_LIMIT_ATTACHED)?;
            connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)?;
            let reset = connection.execute_batch("VACUUM");
            connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, limit)?;
            set(true)?;
            reset
        })
    }

    /// Returns the connection, which enforces D1's rules.
    #[must_use]
    pub fn connection(&self) -> &rusqlite::Connection {
        &self.connection
    }

    /// Sets every pragma that D1 allows to set to its default.
    pub(crate) fn reset_switches(&self) -> rusqlite::Result<()> {
        for switch in authorizer::SWITCHES {
            let default = switch == "foreign_keys";
            self.connection.pragma_update(None, switch, default)?;
        }
        Ok(())
    }

    /// Calls `handler` after every `steps` steps of SQLite's virtual machine. If it returns `true`,
    /// SQLite interrupts the statement.
    ///
    /// # Errors
    /// When SQLite rejects the handler.
    pub fn on_progress(
        &mut self,
        steps: i32,
        handler: impl FnMut() -> bool + Send + 'static,
    ) -> rusqlite::Result<()> {
        self.connection.progress_handler(steps, Some(handler))
    }

    /// Prepares a statement and returns it with the tables and columns that it reads and writes.
    ///
    /// # Errors
    /// When SQLite or D1's rules reject the statement.
    pub fn prepare_noting(
        &self,
        sql: &str,
    ) -> rusqlite::Result<(rusqlite::Statement<'_>, BTreeSet<Access>)> {
        self.rules.start_recording();
        let prepared = self.connection.prepare(sql);
        let accesses = self.rules.take_recorded();
        prepared.map(|statement| (statement, accesses))
    }

    /// Takes the description of the last denial since the previous call, if there was one.
    #[must_use]
    pub fn denied(&self) -> Option<String> {
        self.rules.take_denied()
    }

    /// Runs `work` with the rules lifted. Only for internal bookkeeping, never for a user's SQL.
    ///
    /// # Errors
    /// Returns the error of `work`.
    pub fn trusted<T>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.rules.trusted.store(true, Ordering::Relaxed);
        let result = work(&self.connection);
        self.rules.trusted.store(false, Ordering::Relaxed);
        result
    }

    /// Runs `work` in a transaction, which commits on success and rolls back on failure and when
    /// `work` panics.
    ///
    /// # Errors
    /// Any error of `work` or of SQLite. All changes are then rolled back.
    pub fn transaction<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.transact("BEGIN IMMEDIATE", work)
    }

    /// Runs `work`, which only reads, in a transaction. All of its reads see the same state.
    ///
    /// # Errors
    /// Any error of `work` or of SQLite.
    pub fn snapshot<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.transact("BEGIN", work)
    }

    fn transact<T, E: From<rusqlite::Error>>(
        &self,
        begin: &str,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        if !self.connection.is_autocommit() {
            return self.nest(work);
        }
        self.trusted(|connection| connection.execute_batch(begin))?;
        let open = OpenTransaction(self);

        let value = work(&self.connection)?;
        self.trusted(|connection| connection.execute_batch("COMMIT"))?;
        drop(open);
        Ok(value)
    }
}

impl Database {
    /// Runs `work` as a part of the open transaction. If it fails, only its changes are rolled
    /// back.
    fn nest<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let run = |sql| self.trusted(|connection| connection.execute_batch(sql));
        run("SAVEPOINT part")?;

        match work(&self.connection) {
            Ok(value) => {
                run("RELEASE part")?;
                Ok(value)
            }
            Err(error) => {
                // After some errors SQLite has already rolled back all of the transaction.
                if !self.connection.is_autocommit() {
                    run("ROLLBACK TO part; RELEASE part")?;
                }
                Err(error)
            }
        }
    }
}

/// A transaction that is rolled back when it is dropped, unless it was committed.
struct OpenTransaction<'a>(&'a Database);

impl Drop for OpenTransaction<'_> {
    fn drop(&mut self) {
        // After some errors SQLite has already rolled back by itself.
        if !self.0.connection.is_autocommit() {
            let rolled_back =
                |connection: &rusqlite::Connection| connection.execute_batch("ROLLBACK");
            let _ = self.0.trusted(rolled_back);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Database;

    #[test]
    fn a_panic_rolls_the_transaction_back() {
        let database = Database::in_memory().expect("opens");
        let create = "CREATE TABLE a (x)";
        database
            .connection()
            .execute_batch(create)
            .expect("creates");

        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            database.transaction(|connection| -> rusqlite::Result<()> {
                connection.execute("INSERT INTO a VALUES (1)", [])?;
                panic!("in a transaction");
            })
        }));
        assert!(panicked.is_err() && database.connection().is_autocommit());

        let count = "SELECT count(*) FROM a";
        let count = database.connection().query_row(count, [], |row| row.get(0));
        assert_eq!(count, Ok(0));
    }

    #[test]
    fn a_database_is_restored_from_its_bytes() {
        let mut database = Database::in_memory().expect("opens");
        database
            .connection()
            .execute_batch("CREATE TABLE a (x); INSERT INTO a VALUES (7)")
            .expect("creates");

        let bytes = database.to_bytes().expect("serializes");
        let restored = Database::from_bytes(&bytes).expect("opens");
        let value: i64 = restored
            .connection()
            .query_row("SELECT x FROM a", [], |row| row.get(0))
            .expect("reads");
        assert_eq!(value, 7);

        assert!(
            restored
                .connection()
                .prepare("SELECT sqlite_version()")
                .is_err(),
            "a restored database enforces the rules"
        );
        assert!(Database::from_bytes(b"not a database").is_err());
    }
}
