//! SQLite without blocking the async workers.
//!
//! A file has one connection that writes, and several that read: in WAL mode, readers and the
//! writer do not wait for each other. A read runs on the thread of its caller within a budget of
//! steps of SQLite's virtual machine. A read that exceeds the budget runs again on a thread that
//! may block. A write always runs there, because a commit can wait for the disk.
//!
//! A database in memory, and that of a Durable Object, has one connection, and everything runs on
//! the thread of the caller.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bindery_sqlite::Database;
use bindery_sqlite::rusqlite::{self, Connection};
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::task::spawn_blocking;

use crate::error::{ErrorKind, Failure};
use crate::limits;

/// The steps of SQLite's virtual machine after which a connection checks its budget.
const STEPS_PER_CHECK: i32 = 1000;

/// The checks after which a read leaves the thread of its caller: 20,000 steps are less than a
/// millisecond of work, and enough for a few hundred rows.
const INLINE_CHECKS: u64 = 20;

/// The number of reads on blocking threads: enough that a slow one does not delay the others, and
/// few enough that they leave time for the async workers. More of them wait.
fn blocking_reads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    (2 * cores).clamp(4, 16)
}

/// The shelves of idle readers. A thread uses one of them, so that its reader stays in the cache of
/// its core.
const SHELVES: usize = 8;

/// The number of idle readers on one shelf.
const IDLE_READERS: usize = 4;

/// Returns the shelf of this thread.
fn shelf() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHELF: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHELVES;
    }
    SHELF.with(|shelf| *shelf)
}

/// A connection of a pool.
pub(super) trait Session: Send + Sized + 'static {
    /// Opens a connection to read from a file.
    fn open_reader(path: &Path) -> rusqlite::Result<Self>;
    /// Calls `handler` during each statement; `true` interrupts it.
    fn on_progress(
        &mut self,
        handler: impl FnMut() -> bool + Send + 'static,
    ) -> rusqlite::Result<()>;
}

impl Session for Database {
    fn open_reader(path: &Path) -> rusqlite::Result<Self> {
        Self::open_reader(path)
    }

    fn on_progress(
        &mut self,
        handler: impl FnMut() -> bool + Send + 'static,
    ) -> rusqlite::Result<()> {
        self.on_progress(STEPS_PER_CHECK, handler)
    }
}

impl Session for Connection {
    fn open_reader(path: &Path) -> rusqlite::Result<Self> {
        let connection = Self::open(path)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.busy_timeout(super::store::BUSY_TIMEOUT)?;
        Ok(connection)
    }

    fn on_progress(
        &mut self,
        handler: impl FnMut() -> bool + Send + 'static,
    ) -> rusqlite::Result<()> {
        self.progress_handler(STEPS_PER_CHECK, Some(handler))
    }
}

/// The connections of one file, or the connection of a database in memory.
#[derive(Debug)]
pub(super) struct Pool<C>(Arc<Connections<C>>);

impl<C> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
enum Connections<C> {
    /// One connection, whose work runs on the thread of the caller.
    Inline(Mutex<Metered<C>>),
    File {
        path: PathBuf,
        writer: Arc<AsyncMutex<Metered<C>>>,
        /// The readers that are not in use.
        readers: Box<[Mutex<Vec<Metered<C>>>; SHELVES]>,
        blocking_reads: Arc<Semaphore>,
    },
}

impl<C: Session> Pool<C> {
    /// A pool for `connection`, which writes to the file at `path`. Without a path everything runs
    /// on the thread of the caller.
    pub(super) fn new(path: Option<&Path>, connection: C) -> rusqlite::Result<Self> {
        let connection = Metered::new(connection)?;
        Ok(Self(Arc::new(match path {
            None => Connections::Inline(Mutex::new(connection)),
            Some(path) => Connections::File {
                path: path.to_owned(),
                writer: Arc::new(AsyncMutex::new(connection)),
                readers: Default::default(),
                blocking_reads: Arc::new(Semaphore::new(blocking_reads())),
            },
        })))
    }

    /// Runs a write on this thread, without a limit of its time. Returns `None` if another write
    /// runs.
    pub(super) fn with_writer<T>(&self, work: impl FnOnce(&C) -> T) -> Option<T> {
        match &*self.0 {
            Connections::Inline(connection) => Some(lock(connection).run_unlimited(work)),
            Connections::File { writer, .. } => {
                let writer = writer.try_lock().ok()?;
                Some(writer.run_unlimited(work))
            }
        }
    }

    /// Runs a read on this thread. Returns `None` if it takes too long here: then the caller has to
    /// discard what it has read, and call [`read`](Self::read).
    pub(super) fn try_read<T>(
        &self,
        work: impl FnOnce(&C) -> Result<T, Failure>,
    ) -> Option<Result<T, Failure>> {
        let reader = match &*self.0 {
            Connections::Inline(connection) => {
                return Some(lock(connection).run(TIME, work));
            }
            Connections::File { .. } => match self.reader() {
                Ok(reader) => reader,
                Err(failure) => return Some(Err(failure)),
            },
        };

        let result = reader.get().run(Budget::Steps, work);
        let is_busy = || {
            let kind = result.as_ref().err().map(|failure| failure.kind);
            kind == Some(ErrorKind::Overloaded)
        };
        if reader.get().meter.stopped(STEPS_SPENT) || is_busy() {
            return None;
        }
        Some(result)
    }

    /// Runs a read on a thread that may block. If the future is dropped, the read is interrupted.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&C) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let blocking_reads = match &*self.0 {
            Connections::Inline(connection) => return lock(connection).run(TIME, work),
            Connections::File { blocking_reads, .. } => blocking_reads,
        };
        let permit = Arc::clone(blocking_reads).acquire_owned().await;

        let reader = self.reader()?;
        let mut interrupt = InterruptOnDrop(Some(Arc::clone(&reader.get().meter)));
        let result = blocking(move || {
            let result = reader.get().run(TIME, work);
            drop(permit);
            result
        });
        let result = result.await;
        interrupt.0 = None;
        result
    }

    /// Runs a write on a thread that may block, when all previous writes are done. If the future is
    /// dropped after the write has started, the write runs to its end.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&C) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let writer = match &*self.0 {
            Connections::Inline(connection) => return lock(connection).run(TIME, work),
            Connections::File { writer, .. } => Arc::clone(writer).lock_owned().await,
        };
        blocking(move || writer.run(TIME, work)).await
    }

    /// Takes an idle reader, or opens one.
    fn reader(&self) -> Result<Reader<C>, Failure> {
        let Connections::File { path, readers, .. } = &*self.0 else {
            let message = "a database in memory has no readers";
            return Err(Failure::new(ErrorKind::Internal, message));
        };

        let idle = lock(&readers[shelf()]).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => Metered::new(C::open_reader(path)?)?,
        };
        connection.meter.reset();
        Ok(Reader {
            pool: self.clone(),
            connection: Some(connection),
        })
    }
}

/// Runs `work` on a thread that may block, or here if there is no async runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    if Handle::try_current().is_err() {
        return work();
    }
    spawn_blocking(work).await.unwrap_or_else(|error| {
        let message = "the process is shutting down";
        Err(Failure::because(ErrorKind::Unavailable, message, error))
    })
}

/// A reader in use. It returns to the pool when it is dropped.
struct Reader<C: Session> {
    pool: Pool<C>,
    /// `Some` until it is dropped.
    connection: Option<Metered<C>>,
}

impl<C: Session> Reader<C> {
    #[expect(clippy::expect_used, reason = "only `drop` takes the connection")]
    fn get(&self) -> &Metered<C> {
        self.connection.as_ref().expect("the reader is in use")
    }
}

impl<C: Session> Drop for Reader<C> {
    fn drop(&mut self) {
        let Connections::File { readers, .. } = &*self.pool.0 else {
            return;
        };
        let mut readers = lock(&readers[shelf()]);
        if readers.len() < IDLE_READERS && !std::thread::panicking() {
            readers.extend(self.connection.take());
        }
    }
}

/// Interrupts a read when it is dropped, unless the read has ended.
struct InterruptOnDrop(Option<Arc<Meter>>);

impl Drop for InterruptOnDrop {
    fn drop(&mut self) {
        if let Some(meter) = &self.0 {
            meter.is_interrupted.store(true, Ordering::Relaxed);
        }
    }
}

/// What a statement may spend before it is interrupted.
#[derive(Clone, Copy)]
enum Budget {
    /// A few steps of SQLite's virtual machine.
    Steps,
    /// A time.
    Time(Duration),
}

/// The time that D1 allows a call.
const TIME: Budget = Budget::Time(limits::d1::QUERY_TIME);

/// A connection that interrupts a statement when its budget is spent.
#[derive(Debug)]
struct Metered<C> {
    connection: C,
    meter: Arc<Meter>,
}

impl<C: Session> Metered<C> {
    fn new(mut connection: C) -> rusqlite::Result<Self> {
        let meter = Arc::<Meter>::default();
        let handler = Arc::clone(&meter);
        connection.on_progress(move || handler.check())?;
        Ok(Self { connection, meter })
    }

    fn run_unlimited<T>(&self, work: impl FnOnce(&C) -> T) -> T {
        self.meter.start(Budget::Time(Duration::MAX));
        work(&self.connection)
    }

    fn run<T>(
        &self,
        budget: Budget,
        work: impl FnOnce(&C) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.meter.start(budget);
        let result = work(&self.connection);

        result.map_err(|failure| {
            if !self.meter.stopped(TIME_SPENT) {
                return failure;
            }
            let seconds = limits::d1::QUERY_TIME.as_secs();
            let page = limits::d1::PAGE;
            let message = format!("the call took more than {seconds} seconds; see {page}");
            failure.of_kind(ErrorKind::Timeout).saying(message)
        })
    }
}

/// The state of a budget.
#[derive(Debug, Default)]
struct Meter {
    /// The checks that are left, or a number that is never reached.
    checks: AtomicU64,
    /// The time, in milliseconds.
    limit: AtomicU64,
    /// The end of the time, in milliseconds since [`EPOCH`]. The first check sets it, because most
    /// calls end before it, and reading the clock is slow in comparison.
    deadline: AtomicU64,
    is_interrupted: AtomicBool,
    /// Why the statement was interrupted: 0 if it was not.
    reason: AtomicU64,
}

/// The reasons of [`Meter::reason`].
const STEPS_SPENT: u64 = 1;
const TIME_SPENT: u64 = 2;
const INTERRUPTED: u64 = 3;

/// The time that deadlines count from.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Meter {
    /// Forgets the previous call.
    fn reset(&self) {
        self.is_interrupted.store(false, Ordering::Relaxed);
        self.reason.store(0, Ordering::Relaxed);
    }

    fn start(&self, budget: Budget) {
        self.reason.store(0, Ordering::Relaxed);
        match budget {
            Budget::Steps => self.checks.store(INLINE_CHECKS, Ordering::Relaxed),
            Budget::Time(limit) => {
                self.checks.store(u64::MAX, Ordering::Relaxed);
                self.limit.store(milliseconds(limit), Ordering::Relaxed);
                self.deadline.store(u64::MAX, Ordering::Relaxed);
            }
        }
    }

    /// Reports whether the statement has to stop. SQLite calls it.
    fn check(&self) -> bool {
        let reason = if self.is_interrupted.load(Ordering::Relaxed) {
            INTERRUPTED
        } else if self.checks.load(Ordering::Relaxed) != u64::MAX {
            match self.checks.fetch_sub(1, Ordering::Relaxed) {
                0 | 1 => STEPS_SPENT,
                _ => return false,
            }
        } else if self.is_late() {
            TIME_SPENT
        } else {
            return false;
        };
        self.reason.store(reason, Ordering::Relaxed);
        true
    }

    fn is_late(&self) -> bool {
        let now = EPOCH.elapsed();
        let deadline = self.deadline.load(Ordering::Relaxed);
        if deadline == u64::MAX {
            let limit = self.limit.load(Ordering::Relaxed);
            let deadline = milliseconds(now).saturating_add(limit);
            self.deadline.store(deadline, Ordering::Relaxed);
        }
        milliseconds(now) >= deadline
    }

    fn stopped(&self, reason: u64) -> bool {
        self.reason.load(Ordering::Relaxed) == reason
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Locks a mutex. A panic while it was held has left nothing half done: SQLite rolls back.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDLESS: &str =
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c";

    fn query(connection: &Connection, sql: &str) -> Result<i64, Failure> {
        Ok(connection.query_row(sql, [], |row| row.get(0))?)
    }

    #[test]
    fn a_query_ends_when_its_time_is_spent() {
        let connection = Connection::open_in_memory().expect("opens");
        let connection = Metered::new(connection).expect("has a handler");
        let time = Budget::Time(Duration::from_millis(20));
        let failure = connection.run(time, |connection| query(connection, ENDLESS));
        assert_eq!(failure.expect_err("is endless").kind, ErrorKind::Timeout);
        let result = connection.run(TIME, |connection| query(connection, "SELECT 1"));
        assert!(
            result.is_ok_and(|one| one == 1),
            "the connection can be used again"
        );
    }

    #[test]
    fn a_write_without_a_limit_is_not_interrupted() {
        let connection = Connection::open_in_memory().expect("opens");
        let pool = Pool::new(None, connection).expect("opens");
        let sql = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 99999)
             SELECT count(*) FROM c";
        for _ in 0..2 {
            let count = pool.with_writer(|connection| query(connection, sql));
            assert!(count.is_some_and(|count| count.is_ok_and(|count| count == 99999)));
        }
    }

    #[test]
    fn a_read_that_nobody_waits_for_is_interrupted() {
        let path = std::env::temp_dir().join(format!("bindery-pool-{}", std::process::id()));
        let writer = Connection::open(&path).expect("opens");
        writer
            .pragma_update(None, "journal_mode", "wal")
            .expect("sets");
        let pool = Pool::new(Some(&path), writer).expect("opens");

        let short = pool.try_read(|connection| query(connection, "SELECT 1"));
        assert!(short.is_some_and(|result| result.is_ok_and(|one| one == 1)));
        let long = pool.try_read(|connection| query(connection, ENDLESS));
        assert!(long.is_none(), "it exceeds the budget of steps");

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("starts");
        runtime.block_on(async {
            let read = pool.read(|connection| query(connection, ENDLESS));
            let read = tokio::time::timeout(Duration::from_millis(20), read);
            assert!(read.await.is_err(), "it is endless");
        });
        // The runtime waits for the threads that block: it would never end.
        drop(runtime);
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
    }
}
