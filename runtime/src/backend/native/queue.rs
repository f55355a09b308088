//! Queues in SQLite, and the delivery of their messages to the consumers of the worker.

use std::path::Path;

use bindery_sqlite::rusqlite::{self, Connection, Row, params};

use crate::app::{Application, Consumer, Environment};
use crate::error::{Error, Failure, Result, Service};
use crate::queue::{RawBatch, RawMessage, Verdict};

use super::clock::{at_milliseconds, log_line, now_milliseconds};
use super::store::Store;

/// The table of the messages of all queues.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    body TEXT NOT NULL,
    -- The number of deliveries so far.
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Milliseconds since the Unix epoch.
    sent_at INTEGER NOT NULL,
    visible_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS messages_by_queue ON messages (queue, visible_at)";

/// The queues of one backend.
#[derive(Debug, Clone)]
pub(super) struct Queues(Store);

/// A queue to send messages to.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    queues: Queues,
    name: &'static str,
}

/// A message that was delivered: its id, its attempts and its verdict.
type Outcome = (i64, u32, Verdict);

impl Queue {
    pub(crate) async fn send(
        &self,
        bodies: &[String],
        delay_seconds: u32,
        _batch: bool,
    ) -> Result<(), Failure> {
        self.queues.send(self.name, bodies, delay_seconds)
    }
}

impl Queues {
    pub(super) fn open(path: Option<&Path>) -> rusqlite::Result<Self> {
        Store::open(path, SCHEMA).map(Self)
    }

    pub(super) fn queue(&self, name: &'static str) -> Queue {
        Queue {
            queues: self.clone(),
            name,
        }
    }

    fn send(&self, queue: &str, bodies: &[String], delay_seconds: u32) -> Result<(), Failure> {
        let now = now_milliseconds();
        let visible_at = now + i64::from(delay_seconds) * 1000;
        let sql = "INSERT INTO messages (queue, body, sent_at, visible_at) VALUES (?1, ?2, ?3, ?4)";
        self.0.transaction(|connection| {
            let mut insert = connection.prepare_cached(sql)?;
            for body in bodies {
                insert.execute(params![queue, body, now, visible_at])?;
            }
            Ok(())
        })
    }

    /// Delivers one batch if a batch is due, and returns the number of its messages.
    ///
    /// A batch is due when it is full or the consumer's timeout has passed; an `eager` batch is due
    /// immediately.
    pub(super) async fn deliver<A: Application>(
        &self,
        consumer: &Consumer,
        env: &A::Env,
        eager: bool,
    ) -> Result<usize, Failure> {
        let messages = self.due(consumer, eager)?;
        if messages.is_empty() {
            return Ok(0);
        }

        let (ids, messages): (Vec<i64>, Vec<RawMessage>) = messages.into_iter().unzip();
        let queue = consumer.queue;
        let mut batch = RawBatch::new(queue.to_owned(), messages);
        let outcome = A::queue(&mut batch, env.clone()).await;
        if let Err(error) = &outcome {
            log_line(&format!("queue {queue}: the handler failed: {error}"));
        }

        batch.settle(outcome.is_ok());
        let messages = ids.iter().zip(&batch.messages).zip(&batch.verdicts);
        let outcomes: Vec<Outcome> = messages
            .map(|((id, message), verdict)| (*id, message.attempts, *verdict))
            .collect();
        self.settle(consumer, &outcomes)?;
        Ok(ids.len())
    }

    /// The messages of the batch that is due, if there is one.
    fn due(&self, consumer: &Consumer, eager: bool) -> Result<Vec<(i64, RawMessage)>, Failure> {
        let now = now_milliseconds();
        let sql = "SELECT id, body, attempts, sent_at, visible_at FROM messages
             WHERE queue = ?1 AND visible_at <= ?2 ORDER BY id LIMIT ?3";
        let (messages, oldest) = self.0.with(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let parameters = params![consumer.queue, now, consumer.max_batch_size];
            let mut rows = statement.query(parameters)?;

            let mut messages = Vec::new();
            let mut oldest = i64::MAX;
            while let Some(row) = rows.next()? {
                messages.push(message(row)?);
                oldest = oldest.min(row.get("visible_at")?);
            }
            Ok((messages, oldest))
        })?;

        let is_full = messages.len() >= consumer.max_batch_size as usize;
        let timeout = i64::from(consumer.max_batch_timeout) * 1000;
        let has_waited = now.saturating_sub(oldest) >= timeout;
        if eager || is_full || has_waited {
            Ok(messages)
        } else {
            Ok(Vec::new())
        }
    }

    /// Deletes the messages that were acknowledged, and delays those that are retried.
    fn settle(&self, consumer: &Consumer, outcomes: &[Outcome]) -> Result<(), Failure> {
        let now = now_milliseconds();
        self.0.transaction(|connection| {
            for (id, attempts, verdict) in outcomes {
                match verdict {
                    Verdict::Ack | Verdict::Undecided => delete(connection, *id)?,
                    Verdict::Retry(delay) if *attempts <= consumer.max_retries => {
                        let delay = i64::from(delay.unwrap_or(consumer.retry_delay)) * 1000;
                        let sql =
                            "UPDATE messages SET attempts = ?2, visible_at = ?3 WHERE id = ?1";
                        connection.execute(sql, params![id, attempts, now + delay])?;
                    }
                    Verdict::Retry(_) => give_up(connection, consumer, *id, *attempts, now)?,
                }
            }
            Ok(())
        })
    }
}

/// Reads a message, and its id in the table.
fn message(row: &Row<'_>) -> rusqlite::Result<(i64, RawMessage)> {
    let id: i64 = row.get("id")?;
    let attempts: u32 = row.get("attempts")?;
    let message = RawMessage {
        id: id.to_string(),
        timestamp: at_milliseconds(row.get("sent_at")?),
        attempts: attempts.saturating_add(1),
        body: Ok(row.get("body")?),
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
            let sql = "UPDATE messages SET queue = ?2, attempts = 0, visible_at = ?3 WHERE id = ?1";
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
            let count = queues.deliver::<A>(consumer, env, true).await;
            delivered += count.map_err(|failure| {
                Error::new(Service::Queue, consumer.queue, "receive", None, failure)
            })?;
        }
        if delivered == before {
            return Ok(delivered);
        }
    }
}
