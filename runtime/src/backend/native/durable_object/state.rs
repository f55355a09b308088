//! The state of an object, for the object itself.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, SystemTime};

use bindery_sqlite::Database;
use bindery_sqlite::migrations::{self, Migration};
use bindery_sqlite::rusqlite::types::Value;
use bindery_sqlite::rusqlite::{self, Connection, OptionalExtension, Row, params};

use crate::app::Content;
use crate::durable_object::List;
use crate::error::{Error, ErrorKind, Failure, Result};

use super::super::d1::D1;
use super::super::log_line;
use super::super::pool::Pool;
use super::super::store::KeyRange;
use super::Class;
use super::input_gate::{InputGate, Turn, is_in_turn};

/// The table of the values by key. It has the name that the platform gives it.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS _cf_KV (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID";

/// Adds the table of the values by key to a database.
pub(super) fn prepared(database: Database) -> rusqlite::Result<Pool<Database>> {
    database.trusted(|connection| connection.execute_batch(TABLE))?;
    // Everything runs on the thread of the object: nothing else of it runs between two operations.
    Pool::new(None, database)
}

/// What the handles of one object in memory share.
pub(super) struct Shared {
    class: Arc<Class>,
    id: String,
    name: Option<String>,
    pool: Pool<Database>,
    has_alarm: bool,
    pub(super) gate: InputGate,
    /// Whether writes are to be stored at the end of the turn.
    has_writes: Cell<bool>,
    is_in_transaction: Cell<bool>,
    reset_reason: RefCell<Option<String>>,
    waiting_for_reset: RefCell<Vec<Waker>>,
}

impl Shared {
    pub(super) fn new(
        class: &Arc<Class>,
        id: &str,
        name: Option<String>,
        pool: Pool<Database>,
        has_alarm: bool,
    ) -> Self {
        Self {
            class: Arc::clone(class),
            id: id.to_owned(),
            name,
            pool,
            has_alarm,
            gate: InputGate::default(),
            has_writes: Cell::new(false),
            is_in_transaction: Cell::new(false),
            reset_reason: RefCell::default(),
            waiting_for_reset: RefCell::default(),
        }
    }

    /// Runs an operation of the storage.
    fn run<T>(&self, work: impl FnOnce(&Database) -> rusqlite::Result<T>) -> Result<T, Failure> {
        let result = self.pool.with_writer(work);
        match result {
            Some(result) => Ok(result?),
            None => {
                let message = "the storage of the object is in use";
                Err(Failure::new(ErrorKind::Internal, message))
            }
        }
    }

    /// Runs a statement on the values by key.
    fn values<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        self.run(|database| database.trusted(work))
    }

    /// Starts the transaction that the end of the turn commits.
    fn start_writes(&self) -> Result<(), Failure> {
        if self.has_writes.get() || self.is_in_transaction.get() || !is_in_turn() {
            return Ok(());
        }
        self.values(|connection| connection.execute_batch("BEGIN IMMEDIATE"))?;
        self.has_writes.set(true);
        Ok(())
    }

    /// Stores the writes of the turn. If that fails, the object is reset: what it has in memory can
    /// depend on them.
    pub(super) fn store_writes(&self) {
        if self.is_in_transaction.get() || !self.has_writes.replace(false) {
            return;
        }
        if let Err(failure) = self.values(|connection| connection.execute_batch("COMMIT")) {
            self.reset(&format!("its writes were not stored: {}", failure.message));
        }
    }

    pub(super) fn reset_reason(&self) -> Option<String> {
        self.reset_reason.borrow().clone()
    }

    pub(super) fn wake_on_reset(&self, waker: &Waker) {
        let mut waiting = self.waiting_for_reset.borrow_mut();
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }

    /// Fails all calls of the object.
    pub(super) fn reset(&self, reason: &str) {
        self.reset_reason
            .borrow_mut()
            .get_or_insert_with(|| reason.to_owned());
        for waker in self.waiting_for_reset.take() {
            waker.wake();
        }
    }
}

/// The state of an object.
#[derive(Clone)]
pub(crate) struct ObjectState(Rc<Shared>);

impl ObjectState {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self(shared)
    }

    pub(crate) fn id(&self) -> String {
        self.0.id.clone()
    }

    pub(crate) fn name(&self) -> Option<String> {
        self.0.name.clone()
    }

    pub(crate) fn wait_until(&self, future: impl Future<Output = ()> + 'static) {
        let turn = Turn::new(Rc::clone(&self.0), future);
        self.0.class.hosts.tasks().spawn_local(turn);
    }

    pub(crate) fn abort(&self, reason: &str) {
        self.0.reset(reason);
    }

    pub(crate) async fn block_concurrency_while<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let outcome = self.0.gate.hold(work).await;
        if let Err(error) = &outcome {
            self.abort(&error.to_string());
        }
        outcome
    }

    /// Opens the database, and applies pending migrations.
    pub(crate) fn database(&self, content: &Content) -> Result<D1, Failure> {
        self.0.start_writes()?;
        let migrated = self
            .0
            .pool
            .with_writer(|database| migrate(database, content));

        match migrated {
            Some(Ok(())) => Ok(D1::of_object(self.0.pool.clone())),
            Some(Err(message)) => Err(Failure::new(ErrorKind::Misconfigured, message)),
            None => Err(Failure::new(ErrorKind::Internal, "the storage is in use")),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<String>, Failure> {
        self.0.values(|connection| {
            let sql = "SELECT value FROM _cf_KV WHERE key = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_row([key], |row| row.get(0)).optional()
        })
    }

    pub(crate) fn put(&self, key: &str, json: &str) -> Result<(), Failure> {
        self.0.start_writes()?;
        self.0.values(|connection| {
            let sql = "INSERT OR REPLACE INTO _cf_KV VALUES (?1, ?2)";
            connection.prepare_cached(sql)?.execute([key, json])
        })?;
        Ok(())
    }

    pub(crate) fn delete(&self, key: &str) -> Result<bool, Failure> {
        self.0.start_writes()?;
        let count = self.0.values(|connection| {
            let sql = "DELETE FROM _cf_KV WHERE key = ?1";
            connection.prepare_cached(sql)?.execute([key])
        })?;
        Ok(count > 0)
    }

    pub(crate) fn list(&self, list: &List) -> Result<Vec<(String, String)>, Failure> {
        let range = KeyRange::new(list.prefix.as_deref(), None);
        let start = list.start.clone().unwrap_or_default().max(range.start);
        let end = list
            .end
            .clone()
            .map_or(Value::Blob(Vec::new()), Value::Text);
        let limit = list.limit.map_or(-1, i64::from);
        let order = if list.is_reverse { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT key, value FROM _cf_KV WHERE key >= ?1 AND key < ?2 AND key < ?3
             ORDER BY key {order} LIMIT ?4"
        );

        self.0.values(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let pair = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            statement
                .query_map(params![start, range.end, end, limit], pair)?
                .collect()
        })
    }

    pub(crate) async fn delete_all(&self) -> Result<(), Failure> {
        if self.0.is_in_transaction.get() {
            let message = "`delete_all` cannot be part of a transaction";
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        self.0.store_writes();
        self.delete_alarm().await?;
        self.0.run(Database::delete_all)?;
        self.0.values(|connection| connection.execute_batch(TABLE))
    }

    /// Runs a future whose writes are committed together.
    pub(crate) async fn transaction<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let shared = &self.0;
        let located = |failure| Error::of_worker("transaction", failure);
        if shared.is_in_transaction.get() {
            let message = "a transaction cannot be part of another one";
            return Err(located(Failure::new(ErrorKind::InvalidArgument, message)));
        }
        shared.store_writes();
        shared
            .values(|connection| connection.execute_batch("BEGIN IMMEDIATE"))
            .map_err(located)?;
        shared.is_in_transaction.set(true);

        let open = OpenTransaction(shared);
        let value = shared.gate.hold(work).await?;
        let commit = shared.values(|connection| connection.execute_batch("COMMIT"));
        drop(open);
        commit.map_err(located)?;
        Ok(value)
    }

    pub(crate) fn size(&self) -> Result<u64, Failure> {
        let size = self.0.values(|connection| {
            let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
            connection.query_row(sql, [], |row| row.get::<_, i64>(0))
        })?;
        Ok(u64::try_from(size).unwrap_or(0))
    }

    pub(crate) async fn alarm(&self) -> Result<Option<SystemTime>, Failure> {
        let Shared { class, id, .. } = &*self.0;
        let alarms = class.hosts.alarms();
        // The alarm that fires is no longer set.
        let due = alarms.pending(class.name, id)?;
        Ok(due.map(|due| {
            let since_epoch = Duration::from_millis(u64::try_from(due).unwrap_or(0));
            SystemTime::UNIX_EPOCH + since_epoch
        }))
    }

    pub(crate) async fn set_alarm(&self, milliseconds: i64) -> Result<(), Failure> {
        let Shared {
            class, id, name, ..
        } = &*self.0;
        if !self.0.has_alarm {
            let message = format!(
                "the class `{}` has no `async fn alarm(&self) -> bindery::Result<()>`",
                class.name
            );
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        let alarms = class.hosts.alarms();
        alarms.set(class.name, id, name.as_deref(), milliseconds)
    }

    pub(crate) async fn delete_alarm(&self) -> Result<(), Failure> {
        let Shared { class, id, .. } = &*self.0;
        class.hosts.alarms().delete(class.name, id)
    }
}

/// A transaction that is rolled back when it is dropped, unless it was committed.
struct OpenTransaction<'a>(&'a Shared);

impl Drop for OpenTransaction<'_> {
    fn drop(&mut self) {
        self.0.is_in_transaction.set(false);
        let rolled_back = self.0.values(|connection| {
            if connection.is_autocommit() {
                return Ok(());
            }
            connection.execute_batch("ROLLBACK")
        });
        if let Err(failure) = rolled_back {
            log_line(&format!("error: {}", failure.message));
        }
    }
}

/// Brings the database of an object to the last migration.
fn migrate(database: &Database, content: &Content) -> Result<(), String> {
    let Content::Database {
        migrations_table,
        migrations: files,
        ..
    } = content
    else {
        return Ok(());
    };
    let applied = migrations::applied(database, migrations_table);
    let applied = applied.map_err(|error| format!("the migrations cannot be read: {error}"))?;

    for (name, sql) in *files {
        if applied.iter().any(|known| known == name) {
            continue;
        }
        let migration = Migration { name, sql };
        migrations::apply(database, migrations_table, migration).map_err(|failure| {
            format!(
                "the migration `{name}` of the object fails: {}",
                failure.message
            )
        })?;
    }
    Ok(())
}
