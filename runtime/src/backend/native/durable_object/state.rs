//! The state of an object, for the object itself.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, SystemTime};

use bindery_sqlite::Database;
use bindery_sqlite::migrations::{self, Migration};
use bindery_sqlite::rusqlite::types::Value;
use bindery_sqlite::rusqlite::{self, Connection, OptionalExtension, Row, params};
use futures_util::future::{Either, select};

use crate::app::Content;
use crate::durable_object::List;
use crate::error::{Error, ErrorKind, Failure, Result};
#[cfg(feature = "web-sockets")]
use crate::http::Response;

use super::super::clock::sleep;
use super::super::d1::D1;
use super::super::log_line;
use super::super::pool::Pool;
use super::super::store::KeyRange;
use super::Class;
#[cfg(feature = "web-sockets")]
use super::ObjectStub;
use super::input_gate::{InputGate, Turn, is_in_turn, reset};
#[cfg(feature = "web-sockets")]
use super::web_socket::{Sockets, WebSocket};

/// How long a turn can keep the others waiting.
///
/// <https://developers.cloudflare.com/durable-objects/api/state/#blockconcurrencywhile>
const HOLD_TIME: Duration = Duration::from_secs(30);

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
    #[cfg(feature = "web-sockets")]
    sockets: Rc<Sockets>,
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
            #[cfg(feature = "web-sockets")]
            sockets: Rc::default(),
        }
    }

    /// Adds the sockets that were accepted before.
    #[cfg(feature = "web-sockets")]
    pub(super) fn with_sockets(self, sockets: Rc<Sockets>) -> Self {
        Self { sockets, ..self }
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

    /// Runs a future, during which no other turn makes progress.
    async fn hold<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let work = pin!(self.gate.hold(work));
        match select(work, pin!(sleep(HOLD_TIME))).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                let seconds = HOLD_TIME.as_secs();
                let message = format!("the other calls waited for more than {seconds} seconds");
                self.reset(&message);
                let failure = Failure::new(ErrorKind::Timeout, message);
                Err(Error::of_worker("block_concurrency_while", failure))
            }
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
        // The next instance writes to the same file.
        self.roll_back();
        #[cfg(feature = "web-sockets")]
        self.sockets.disconnect();
        for waker in self.waiting_for_reset.take() {
            waker.wake();
        }
    }
}

impl Shared {
    /// Rolls back the open transaction, if there is one.
    fn roll_back(&self) {
        self.is_in_transaction.set(false);
        self.has_writes.set(false);
        let rolled_back = self.values(|connection| match connection.is_autocommit() {
            true => Ok(()),
            false => connection.execute_batch("ROLLBACK"),
        });
        if let Err(failure) = rolled_back {
            log_line(&format!("error: {}", failure.message));
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
        let shared = Rc::clone(&self.0);
        let turn = Turn::new(Rc::clone(&self.0), future);
        self.0.class.hosts.tasks().spawn_local(async move {
            select(pin!(reset(&shared)), pin!(turn)).await;
        });
    }

    pub(crate) fn abort(&self, reason: &str) {
        self.0.reset(reason);
    }

    #[cfg(feature = "web-sockets")]
    #[expect(clippy::unnecessary_wraps, reason = "the platform can refuse it")]
    pub(crate) fn accept(&self, tags: &[&str]) -> Result<(WebSocket, Response), Failure> {
        let Shared {
            class, id, name, ..
        } = &*self.0;
        let object = ObjectStub {
            class: Arc::clone(class),
            id: id.clone(),
            name: name.clone(),
        };
        Ok(self.0.sockets.accept(tags, object))
    }

    #[cfg(feature = "web-sockets")]
    pub(crate) fn web_sockets(&self, tag: Option<&str>) -> Vec<WebSocket> {
        self.0.sockets.with_tag(tag)
    }

    #[cfg(feature = "web-sockets")]
    #[expect(clippy::unnecessary_wraps, reason = "the platform can refuse it")]
    pub(crate) fn set_auto_response(&self, request: &str, response: &str) -> Result<(), Failure> {
        self.0.sockets.set_auto_response(request, response);
        Ok(())
    }

    pub(crate) async fn block_concurrency_while<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let outcome = self.0.hold(work).await;
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
        let value = shared.hold(work).await?;
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
        // After a commit there is nothing to roll back.
        self.0.roll_back();
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
