//! Queues in a SQLite file, and their delivery to the worker's own consumers.

use std::path::Path;

use bindery_sqlite::rusqlite::{self, params};

use crate::app::{Application, Consumer, Environment};
use crate::error::{Error, Failure, Result, Service};
use crate::queue::{RawBatch, RawMessage, Verdict};

use super::clock::{at_milliseconds, log_line, now_milliseconds};
use super::store::Store;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    body TEXT NOT NULL,
    -- How often it was delivered.
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Milliseconds since the Unix epoch.
    sent_at INTEGER NOT NULL,
    visible_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS messages_by_queue ON messages (queue, visible_at)";

/// Every queue of one world.
#[derive(Debug, Clone)]
pub(super) struct Queues(Store);

/// One queue to send to.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    queues: Queues,
    name: &'static str,
}

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
        self.0.transaction(|connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO messages (queue, body, sent_at, visible_at) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for body in bodies {
                insert.execute(params![
                    queue,
                    body,
                    now,
                    now + i64::from(delay_seconds) * 1000
                ])?;
            }
            Ok(())
        })
    }

    /// The messages that a consumer would get now. Unless `eager`, a batch waits to fill.
    fn due(&self, consumer: &Consumer, eager: bool) -> Result<Vec<(i64, RawMessage)>, Failure> {
        let now = now_milliseconds();
        let (messages, oldest) = self.0.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, body, attempts, sent_at, visible_at FROM messages WHERE queue = ?1 AND visible_at <= ?2 ORDER BY id LIMIT ?3",
            )?;
            let mut oldest = i64::MAX;
            let mut messages = Vec::new();
            let mut rows = statement.query(params![consumer.queue, now, consumer.max_batch_size])?;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                oldest = oldest.min(row.get(4)?);
                let attempts = row.get::<_, u32>(2)?.saturating_add(1);
                let message =
                    RawMessage { id: id.to_string(), timestamp: at_milliseconds(row.get(3)?), attempts, body: Ok(row.get(1)?) };
                messages.push((id, message));
            }
            Ok((messages, oldest))
        })?;
        let full = messages.len() >= consumer.max_batch_size as usize;
        let waited = now.saturating_sub(oldest) >= i64::from(consumer.max_batch_timeout) * 1000;
        Ok(if eager || full || waited {
            messages
        } else {
            Vec::new()
        })
    }

    /// Forgets what is done with, puts off what is tried again, and moves what failed too often.
    fn settle(&self, consumer: &Consumer, outcomes: &[(i64, u32, Verdict)]) -> Result<(), Failure> {
        let now = now_milliseconds();
        self.0.transaction(|connection| {
            for (id, attempts, verdict) in outcomes {
                if matches!(verdict, Verdict::Retry(_)) && *attempts > consumer.max_retries {
                    let kept =
                        consumer.dead_letter_queue.map_or("it is lost".to_owned(), |queue| format!("it goes to `{queue}`"));
                    log_line(&format!("queue {}: message {id} failed {attempts} times, {kept}", consumer.queue));
                }
                match verdict {
                    Verdict::Retry(delay) if *attempts <= consumer.max_retries => {
                        let delay = i64::from(delay.unwrap_or(consumer.retry_delay)) * 1000;
                        connection.execute(
                            "UPDATE messages SET attempts = ?2, visible_at = ?3 WHERE id = ?1",
                            params![id, attempts, now + delay],
                        )?;
                    }
                    Verdict::Retry(_) if consumer.dead_letter_queue.is_some() => {
                        connection.execute(
                            "UPDATE messages SET queue = ?2, attempts = 0, visible_at = ?3 WHERE id = ?1",
                            params![id, consumer.dead_letter_queue, now],
                        )?;
                    }
                    _ => {
                        connection.execute("DELETE FROM messages WHERE id = ?1", [id])?;
                    }
                }
            }
            Ok(())
        })
    }

    /// Delivers one batch, if there is one. Says how many messages it had.
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
        let mut batch = RawBatch::new(consumer.queue.to_owned(), messages);
        let outcome = A::queue(&mut batch, env.clone()).await;
        if let Err(error) = &outcome {
            log_line(&format!(
                "queue {}: the handler failed: {error}",
                consumer.queue
            ));
        }
        batch.settle(outcome.is_ok());
        let outcomes: Vec<(i64, u32, Verdict)> = ids
            .iter()
            .zip(&batch.messages)
            .zip(&batch.verdicts)
            .map(|((id, message), verdict)| (*id, message.attempts, *verdict))
            .collect();
        self.settle(consumer, &outcomes)?;
        Ok(ids.len())
    }
}

/// Delivers every message that is due to the worker's own consumers, without waiting for batches to
/// fill, and says how many deliveries that took. For tests: the queue is then as empty as it gets.
///
/// # Errors
/// When the queue itself cannot be read; a handler that fails has its batch tried again.
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
