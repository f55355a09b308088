//! Queues in SQLite, and the delivery of their messages to the consumers of the worker.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bindery_sqlite::rusqlite::{self, Connection, Row, params};

use crate::app::{Application, Consumer, Environment};
use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::json;
use crate::observe::{Gate, RequestLine, Scope};
use crate::queue::{Body, RawBatch, RawMessage, Verdict};
use crate::resilience::Faults;

use tokio::sync::{Notify, RwLock};
use tokio::task::JoinSet;

use super::clock::{at_milliseconds, now_milliseconds};
use super::context::Routers;
use super::log::log_line;
use super::panic::catch_panic;
use super::store::Store;

/// The versions of the tables.
const SCHEMA: [&str; 4] = [MESSAGES, IN_FLIGHT, SCHEDULED, ORDERED];

/// The values of `in_flight`: the message waits, is being delivered by this process, or was being
/// delivered when the process ended.
const WAITING: i64 = 0;
const DELIVERED: i64 = 1;
const INTERRUPTED: i64 = 2;

/// The messages of all queues.
const MESSAGES: &str = "CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    body TEXT NOT NULL,
    -- The number of deliveries so far, counted before each delivery.
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Milliseconds since the Unix epoch.
    sent_at INTEGER NOT NULL,
    visible_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS messages_by_queue ON messages (queue, visible_at)";

/// Whether a message is being delivered, or was when the process ended.
const IN_FLIGHT: &str = "ALTER TABLE messages ADD COLUMN in_flight INTEGER NOT NULL DEFAULT 0";

/// The time at which `visible_at` was chosen. If it is in the future, the clock has been set back.
const SCHEDULED: &str = "ALTER TABLE messages ADD COLUMN scheduled_at INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX messages_by_schedule ON messages (queue, scheduled_at)";

/// Messages that are bytes, and the order in which the messages of one state are delivered.
const ORDERED: &str = "DROP INDEX messages_by_queue;
    CREATE INDEX messages_by_state ON messages (queue, in_flight, visible_at);
    ALTER TABLE messages ADD COLUMN bytes BLOB";

/// The longest time between two looks at a queue: the clock of the machine can be set.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The pause after a queue could not be read.
const ERROR_INTERVAL: Duration = Duration::from_secs(1);

/// The queues of one backend.
#[derive(Debug, Clone)]
pub(super) struct Queues {
    store: Store,
    /// Wakes the consumers when messages are added.
    changed: Arc<Notify>,
    /// Held by each delivery; alone by that of a message that may have killed the process.
    deliveries: Arc<RwLock<()>>,
}

/// A queue to send messages to.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    queues: Queues,
    name: &'static str,
}

/// A message as the dashboard shows it. Times are milliseconds since the Unix epoch.
#[cfg(feature = "dashboard")]
pub(super) struct QueuedMessage {
    pub(super) id: i64,
    pub(super) body: String,
    pub(super) attempts: u32,
    pub(super) is_in_flight: bool,
    pub(super) sent_at: i64,
    pub(super) visible_at: i64,
}

/// A message that was delivered: its id, its attempts and its verdict.
type Outcome = (i64, u32, Verdict);

/// The state of a queue for its consumer.
enum Next {
    /// A batch that is due, with the ids of its messages.
    Batch(Vec<(i64, RawMessage)>),
    /// No batch is due before this time has passed.
    Wait(Duration),
}

impl Queue {
    pub(crate) async fn send(
        &self,
        bodies: &[Body],
        delay_seconds: u32,
        _batch: bool,
    ) -> Result<(), Failure> {
        self.queues.send(self.name, bodies, delay_seconds).await
    }
}

impl Queues {
    pub(super) fn open(path: Option<&Path>) -> rusqlite::Result<Self> {
        Ok(Self {
            store: Store::open(path, &SCHEMA)?,
            changed: Arc::default(),
            deliveries: Arc::default(),
        })
    }

    /// Notes which messages the last process was delivering when it ended.
    async fn interrupt(&self, queue: &'static str) -> Result<(), Failure> {
        let write = move |connection: &Connection| {
            let sql = "UPDATE messages SET in_flight = ?1, visible_at = scheduled_at
                 WHERE queue = ?2 AND in_flight = ?3";
            connection.execute(sql, params![INTERRUPTED, queue, DELIVERED])
        };
        self.store.write(write).await.map(drop)
    }

    pub(super) fn queue(&self, name: &'static str) -> Queue {
        Queue {
            queues: self.clone(),
            name,
        }
    }

    async fn send(
        &self,
        queue: &'static str,
        bodies: &[Body],
        delay_seconds: u32,
    ) -> Result<(), Failure> {
        let now = now_milliseconds();
        let visible_at = now + i64::from(delay_seconds) * 1000;
        let bodies: Vec<(String, Option<Vec<u8>>)> =
            bodies.iter().map(stored).collect::<Result<_, Failure>>()?;
        let write = move |connection: &Connection| {
            let sql = "INSERT INTO messages (queue, body, bytes, sent_at, scheduled_at, visible_at)
                 VALUES (?1, ?2, ?5, ?3, ?3, ?4)";
            let mut insert = connection.prepare_cached(sql)?;
            for (body, bytes) in bodies {
                insert.execute(params![queue, body, now, visible_at, bytes])?;
            }
            Ok(())
        };
        self.store.write(write).await?;
        self.changed.notify_waiters();

        Ok(())
    }

    /// Delivers the batches of one consumer as they become due, until `stopping` is set. Then waits
    /// for those that are being processed.
    pub(super) async fn consume<A: Application>(
        &self,
        consumer: Consumer,
        env: A::Env,
        stopping: impl Fn() -> bool,
    ) {
        let report = |failure: Failure| {
            log_line(&format!("queue {}: {}", consumer.queue, failure.message));
        };
        self.redeliver::<A>(&consumer, &env, &stopping).await;
        let mut running = JoinSet::new();
        while !stopping() {
            while running.len() >= consumer.max_concurrency as usize {
                running.join_next().await;
            }
            while running.try_join_next().is_some() {}

            let changed = self.changed.notified();
            let delivery = Arc::clone(&self.deliveries).read_owned().await;
            let wait = match self.take(consumer, WAITING, false).await {
                Ok(Next::Batch(messages)) => {
                    let (queues, env) = (self.clone(), env.clone());
                    running.spawn(async move {
                        queues.process::<A>(&consumer, &env, messages).await;
                        drop(delivery);
                    });
                    continue;
                }
                Ok(Next::Wait(wait)) => wait,
                Err(failure) => {
                    report(failure);
                    ERROR_INTERVAL
                }
            };
            drop(delivery);
            let _ = tokio::time::timeout(wait.min(MAX_WAIT), changed).await;
        }
        while running.join_next().await.is_some() {}
    }

    /// Delivers the messages that the last process was delivering when it ended, each alone: one of
    /// them may have killed the process, and only its own attempts are spent.
    async fn redeliver<A: Application>(
        &self,
        consumer: &Consumer,
        env: &A::Env,
        stopping: &impl Fn() -> bool,
    ) {
        let mut interrupted = self.interrupt(consumer.queue).await;
        while !stopping() {
            let alone = self.deliveries.write().await;
            let next = match interrupted {
                Ok(()) => self.take(*consumer, INTERRUPTED, true).await,
                Err(failure) => Err(failure),
            };

            interrupted = Ok(());
            match next {
                Ok(Next::Batch(messages)) => self.process::<A>(consumer, env, messages).await,
                Ok(Next::Wait(Duration::ZERO)) => {}
                Ok(Next::Wait(_)) => return,
                Err(failure) => {
                    drop(alone);
                    log_line(&format!("queue {}: {}", consumer.queue, failure.message));
                    tokio::time::sleep(ERROR_INTERVAL).await;
                    interrupted = self.interrupt(consumer.queue).await;
                }
            }
        }
    }

    /// Delivers a batch, and stores what the handler has decided.
    async fn process<A: Application>(
        &self,
        consumer: &Consumer,
        env: &A::Env,
        messages: Vec<(i64, RawMessage)>,
    ) {
        let outcomes = deliver::<A>(consumer, env, messages).await;
        // Until this is stored, the messages are not delivered again.
        while let Err(failure) = self.settle(*consumer, outcomes.clone()).await {
            log_line(&format!("queue {}: {}", consumer.queue, failure.message));
            tokio::time::sleep(ERROR_INTERVAL).await;
        }
    }

    /// Returns the names of the queues that have messages, and the numbers of their messages.
    #[cfg(feature = "dashboard")]
    pub(super) async fn lengths(&self) -> Result<Vec<(String, i64)>, Failure> {
        let read = |connection: &Connection| {
            let sql = "SELECT queue, count(*) FROM messages GROUP BY queue ORDER BY queue";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        self.store.read(read).await
    }

    /// Returns the oldest messages of a queue.
    #[cfg(feature = "dashboard")]
    pub(super) async fn messages(
        &self,
        queue: &str,
        limit: u32,
    ) -> Result<Vec<QueuedMessage>, Failure> {
        let queue = queue.to_owned();
        let read = move |connection: &Connection| {
            let sql = "SELECT id, iif(bytes IS NULL, body, length(bytes) || ' bytes') AS body,
                     attempts, in_flight, sent_at, visible_at FROM messages
                 WHERE queue = ?1 ORDER BY id LIMIT ?2";
            let mut statement = connection.prepare(sql)?;
            let message = |row: &Row<'_>| {
                Ok(QueuedMessage {
                    id: row.get("id")?,
                    body: row.get("body")?,
                    attempts: row.get("attempts")?,
                    is_in_flight: row.get::<_, i64>("in_flight")? == DELIVERED,
                    sent_at: row.get("sent_at")?,
                    visible_at: row.get("visible_at")?,
                })
            };

            statement
                .query_map(params![queue, limit], message)?
                .collect()
        };
        self.store.read(read).await
    }

    /// Wakes the consumers.
    pub(super) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// Takes the batch that is due, if there is one, and counts the attempts of its messages.
    ///
    /// A batch is due when it is full or the consumer's timeout has passed; an `eager` batch is due
    /// immediately.
    async fn take(&self, consumer: Consumer, state: i64, eager: bool) -> Result<Next, Failure> {
        let now = now_milliseconds();
        // Reading does not wait for writers.
        let look = move |connection: &Connection| {
            let was_set_back = clock_was_set_back(connection, &consumer, now)?;
            let due = due(connection, &consumer, state, now, eager)?;
            Ok((was_set_back, due))
        };
        let was_set_back = match self.store.read(look).await? {
            (false, Due::In(wait)) => return Ok(Next::Wait(wait)),
            (was_set_back, _) => was_set_back,
        };

        let write = move |connection: &Connection| {
            let mut batch = Vec::new();
            if was_set_back {
                reschedule(connection, &consumer, now)?;
            }
            if let Due::Now(messages) = due(connection, &consumer, state, now, eager)? {
                for (id, message) in messages {
                    // The process ended while it delivered the message for the last time.
                    if message.attempts > consumer.max_retries.saturating_add(1) {
                        give_up(connection, &consumer, id, message.attempts - 1, now)?;
                        continue;
                    }
                    let sql = "UPDATE messages SET attempts = ?2, in_flight = ?3 WHERE id = ?1";
                    let mut update = connection.prepare_cached(sql)?;
                    update.execute(params![id, message.attempts, DELIVERED])?;
                    batch.push((id, message));
                }
            }
            Ok(batch)
        };
        let batch = self.store.write(write).await?;
        if batch.is_empty() {
            return Ok(Next::Wait(Duration::ZERO));
        }
        Ok(Next::Batch(batch))
    }

    /// Deletes the messages that were acknowledged, and delays those that are retried.
    async fn settle(&self, consumer: Consumer, outcomes: Vec<Outcome>) -> Result<(), Failure> {
        let now = now_milliseconds();
        let write = move |connection: &Connection| {
            for (id, attempts, verdict) in outcomes {
                match verdict {
                    Verdict::Ack | Verdict::Undecided => delete(connection, id)?,
                    Verdict::Retry(delay) if attempts <= consumer.max_retries => {
                        let delay = i64::from(delay.unwrap_or(consumer.retry_delay)) * 1000;
                        let sql =
                            "UPDATE messages SET in_flight = ?4, scheduled_at = ?2, visible_at = ?3
                             WHERE id = ?1";
                        connection.execute(sql, params![id, now, now + delay, WAITING])?;
                    }
                    Verdict::Retry(_) => give_up(connection, &consumer, id, attempts, now)?,
                }
            }
            Ok(())
        };
        self.store.write(write).await?;
        self.changed.notify_waiters();

        Ok(())
    }
}

/// Passes a batch to the handler. Returns what it has decided.
async fn deliver<A: Application>(
    consumer: &Consumer,
    env: &A::Env,
    messages: Vec<(i64, RawMessage)>,
) -> Vec<Outcome> {
    let (ids, messages): (Vec<i64>, Vec<RawMessage>) = messages.into_iter().unzip();
    let queue = consumer.queue;
    let mut batch = RawBatch::new(queue.to_owned(), messages);
    let context = env.backend().context(Arc::default(), Routers::default());
    let scope = Scope::new(&context, RequestLine::default());
    let gate = Gate::of_handler(queue, env.backend().observers());
    let handler = async {
        let outcome = catch_panic(A::queue(&mut batch, env.clone(), context)).await;
        let (problem, error) = match outcome {
            Ok(Ok(())) => (None, None),
            Ok(Err(error)) => (Some(format!("the handler failed: {error}")), Some(error)),
            Err(message) => {
                let problem = format!("the handler panicked: {message}");
                let error = Error::worker("queue", ErrorKind::Internal, problem.clone());
                (Some(problem), Some(error))
            }
        };
        batch.settle(problem.is_none());
        redeliver(&mut batch, &env.backend().observers().faults);
        (problem, error, batch.measures())
    };
    let handler = gate.handle("queue", handler, |(_, error, measures)| {
        (error.as_ref(), measures.clone())
    });
    let (problem, ..) = scope.run(handler).await;
    if let Some(problem) = &problem {
        log_line(&format!("queue {queue}: {problem}"));
    }

    let messages = ids.iter().zip(&batch.messages).zip(&batch.verdicts);
    messages
        .map(|((id, message), verdict)| (*id, message.attempts, *verdict))
        .collect()
}

/// Decides which of the acknowledged messages an injected fault delivers again.
fn redeliver(batch: &mut RawBatch, faults: &Faults) {
    let queue = &batch.queue;
    for verdict in &mut batch.verdicts {
        if *verdict == Verdict::Ack && faults.redelivers(queue) {
            *verdict = Verdict::Retry(Some(0));
        }
    }
}

/// The messages that are due, or the time until a batch can be due.
enum Due {
    Now(Vec<(i64, RawMessage)>),
    In(Duration),
}

fn due(
    connection: &Connection,
    consumer: &Consumer,
    state: i64,
    now: i64,
    eager: bool,
) -> rusqlite::Result<Due> {
    let limit = match state {
        INTERRUPTED => 1,
        _ => consumer.max_batch_size,
    };
    let sql = "SELECT id, body, bytes, attempts, sent_at, visible_at FROM messages
         WHERE queue = ?1 AND in_flight = ?4 AND visible_at <= ?2
         ORDER BY visible_at, id LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![consumer.queue, now, limit, state])?;

    let mut messages = Vec::new();
    let mut oldest = now;
    while let Some(row) = rows.next()? {
        oldest = oldest.min(row.get("visible_at")?);
        messages.push(message(row)?);
    }

    let timeout = i64::from(consumer.max_batch_timeout) * 1000;
    let remaining = timeout - now.saturating_sub(oldest);
    let is_full = messages.len() >= consumer.max_batch_size as usize;
    if messages.is_empty() {
        next_visible(connection, consumer, state, now).map(Due::In)
    } else if eager || is_full || remaining <= 0 {
        Ok(Due::Now(messages))
    } else {
        Ok(Due::In(milliseconds(remaining)))
    }
}

/// Returns whether a message was scheduled at a time that is in the future.
fn clock_was_set_back(
    connection: &Connection,
    consumer: &Consumer,
    now: i64,
) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM messages WHERE queue = ?1 AND scheduled_at > ?2)";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(params![consumer.queue, now], |row| row.get(0))
}

/// Makes the messages due that were scheduled before the clock was set back: otherwise they would
/// wait until the clock has caught up.
fn reschedule(connection: &Connection, consumer: &Consumer, now: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE messages SET scheduled_at = ?2, visible_at = 0
         WHERE queue = ?1 AND scheduled_at > ?2";
    connection
        .execute(sql, params![consumer.queue, now])
        .map(drop)
}

/// The time until the next message of a queue is visible.
fn next_visible(
    connection: &Connection,
    consumer: &Consumer,
    state: i64,
    now: i64,
) -> rusqlite::Result<Duration> {
    let sql = "SELECT min(visible_at) FROM messages WHERE queue = ?1 AND in_flight = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![consumer.queue, state];
    let next: Option<i64> = statement.query_row(values, |row| row.get(0))?;
    Ok(next.map_or(Duration::MAX, |next| milliseconds(next - now)))
}

fn milliseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}

/// The columns `body` and `bytes` of a message. A consumer receives a text as it does one in JSON.
fn stored(body: &Body) -> Result<(String, Option<Vec<u8>>), Failure> {
    Ok(match body {
        Body::Json(json) => (json.clone(), None),
        Body::Text(text) => (json::encode("the message", text)?, None),
        Body::Bytes(bytes) => (String::new(), Some(bytes.clone())),
    })
}

/// Reads a message, and its id in the table.
fn message(row: &Row<'_>) -> rusqlite::Result<(i64, RawMessage)> {
    let id: i64 = row.get("id")?;
    let attempts: u32 = row.get("attempts")?;
    let (body, bytes): (String, Option<Vec<u8>>) = (row.get("body")?, row.get("bytes")?);
    let message = RawMessage {
        id: id.to_string(),
        timestamp: at_milliseconds(row.get("sent_at")?),
        attempts: attempts.saturating_add(1),
        length: bytes.as_ref().map_or(body.len(), Vec::len),
        body: match bytes {
            Some(bytes) => serde_json::to_string(&bytes).map_err(|error| error.to_string()),
            None => Ok(body),
        },
    };
    Ok((id, message))
}

fn delete(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM messages WHERE id = ?1";
    connection.execute(sql, [id]).map(drop)
}

/// Moves a message that has no retries left to the dead-letter queue, or deletes it.
fn give_up(
    connection: &Connection,
    consumer: &Consumer,
    id: i64,
    attempts: u32,
    now: i64,
) -> rusqlite::Result<()> {
    let result = match consumer.dead_letter_queue {
        Some(queue) => {
            let sql = "UPDATE messages
                 SET queue = ?2, attempts = 0, in_flight = 0, scheduled_at = ?3, visible_at = ?3
                 WHERE id = ?1";
            connection.execute(sql, params![id, queue, now])?;
            format!("moved to `{queue}`")
        }
        None => {
            delete(connection, id)?;
            "deleted".to_owned()
        }
    };
    let queue = consumer.queue;

    log_line(&format!(
        "queue {queue}: message {id} failed {attempts} times and was {result}"
    ));
    Ok(())
}

/// Delivers all messages that are visible to the consumers of the worker, for tests.
///
/// Batches are delivered immediately, even if they are not full. Messages that the handlers send
/// are delivered too. Returns the number of deliveries: a message that is retried counts again.
///
/// # Errors
/// Fails if a queue cannot be read. An error of a handler is not returned: its batch is retried.
pub async fn deliver_queues<A: Application>(env: &A::Env) -> Result<usize> {
    let mut delivered = 0;
    loop {
        let before = delivered;
        for consumer in env.backend().environment().consumers {
            let queues = env.backend().queues();
            let failed =
                |failure| Error::located(Service::Queue, consumer.queue, "receive", None, failure);
            let next = queues
                .take(*consumer, WAITING, true)
                .await
                .map_err(failed)?;

            if let Next::Batch(messages) = next {
                let outcomes = deliver::<A>(consumer, env, messages).await;
                delivered += outcomes.len();
                queues.settle(*consumer, outcomes).await.map_err(failed)?;
            }
        }
        if delivered == before {
            return Ok(delivered);
        }
    }
}
