//! Queues: messages as JSON, sent one by one or in batches, and consumed in batches.
//!
//! <https://developers.cloudflare.com/queues/>

use std::fmt;
use std::future::Future;
use std::time::SystemTime;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::{self, Backend};
use crate::bindings::{BindingKind, Connect};
use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::limits;
use crate::observe::{Gate, Measures};

/// A queue that the worker sends to.
#[derive(Debug, Clone)]
pub struct Queue {
    gate: Gate,
    backend: backend::Queue,
}

impl Connect for Queue {
    const KIND: BindingKind = BindingKind::Queue;

    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String> {
        Ok(Self::new(gate, backend.queue(binding)?))
    }
}

impl Queue {
    pub(crate) fn new(gate: Gate, backend: backend::Queue) -> Self {
        Self { gate, backend }
    }

    /// Sends a message, as JSON.
    ///
    /// # Errors
    /// `TooLarge` when the JSON has more than 128 KB.
    pub fn send<T: Serialize + ?Sized>(&self, message: &T) -> BoxFuture<'_, Result<()>> {
        self.send_delayed(message, 0)
    }

    /// Sends a message that is delivered after so many seconds: at most 86,400.
    ///
    /// # Errors
    /// `TooLarge` when the JSON has more than 128 KB; `InvalidArgument` for a longer delay.
    pub fn send_delayed<T: Serialize + ?Sized>(
        &self,
        message: &T,
        seconds: u32,
    ) -> BoxFuture<'_, Result<()>> {
        let body = encode(message);
        Box::pin(async move {
            let work = async {
                delay(seconds)?;
                let body = body?;
                let bytes = Some(body.len() as u64);
                self.backend
                    .send(std::slice::from_ref(&body), seconds, false)
                    .await?;
                Ok((
                    (),
                    Measures {
                        count: Some(1),
                        bytes,
                        ..Measures::default()
                    },
                ))
            };
            self.gate.pass("send", None, work).await
        })
    }

    /// Sends up to 100 messages, of at most 256 KB together: all of them, or none.
    ///
    /// # Errors
    /// `TooLarge` for more messages, for a message over 128 KB, or for more than 256 KB.
    pub fn send_batch<T: Serialize>(&self, messages: &[T]) -> BoxFuture<'_, Result<()>> {
        let bodies: Vec<Result<String, Failure>> = messages.iter().map(encode).collect();
        Box::pin(async move {
            let work = async {
                if bodies.len() > limits::queue::BATCH_MESSAGES {
                    let found = format!("{} messages", bodies.len());
                    return Err(Failure::limit(
                        "the batch",
                        found,
                        limits::queue::BATCH_MESSAGES,
                        limits::queue::PAGE,
                    ));
                }
                let bodies = bodies.into_iter().collect::<Result<Vec<_>, _>>()?;
                let bytes: usize = bodies.iter().map(String::len).sum();
                limits::bytes(
                    "the batch",
                    bytes,
                    limits::queue::BATCH_BYTES,
                    limits::queue::PAGE,
                )?;
                if !bodies.is_empty() {
                    self.backend.send(&bodies, 0, true).await?;
                }
                let count = Some(bodies.len() as u64);
                Ok((
                    (),
                    Measures {
                        count,
                        bytes: Some(bytes as u64),
                        ..Measures::default()
                    },
                ))
            };
            self.gate.pass("send_batch", None, work).await
        })
    }
}

fn delay(seconds: u32) -> Result<(), Failure> {
    if seconds > limits::queue::DELAY_SECONDS {
        let message = format!(
            "a message waits at most {} seconds, not {seconds}; see {}",
            limits::queue::DELAY_SECONDS,
            limits::queue::PAGE
        );
        return Err(Failure::new(ErrorKind::InvalidArgument, message));
    }
    Ok(())
}

fn encode<T: Serialize + ?Sized>(message: &T) -> Result<String, Failure> {
    let body = serde_json::to_string(message).map_err(|error| {
        Failure::because(ErrorKind::InvalidArgument, "the message is no JSON", error)
    })?;
    limits::bytes(
        "the message",
        body.len(),
        limits::queue::MESSAGE_BYTES,
        limits::queue::PAGE,
    )?;
    Ok(body)
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Verdict {
    /// What becomes of the batch.
    #[default]
    Undecided,
    Ack,
    /// Tried again, after so many seconds if they are given.
    Retry(Option<u32>),
}

/// A message as a backend delivers it.
#[derive(Debug, Clone)]
pub(crate) struct RawMessage {
    pub(crate) id: String,
    pub(crate) timestamp: SystemTime,
    pub(crate) attempts: u32,
    /// The JSON, or why the body is none.
    pub(crate) body: Result<String, String>,
}

/// A batch as a backend delivers it, and the verdicts on its messages.
#[derive(Debug)]
pub struct RawBatch {
    pub(crate) queue: String,
    pub(crate) messages: Vec<RawMessage>,
    pub(crate) verdicts: Vec<Verdict>,
}

impl RawBatch {
    pub(crate) fn new(queue: String, messages: Vec<RawMessage>) -> Self {
        let verdicts = vec![Verdict::Undecided; messages.len()];
        Self {
            queue,
            messages,
            verdicts,
        }
    }

    /// The queue that the batch comes from.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// What becomes of each message, now that the handler has returned.
    pub(crate) fn settle(&mut self, succeeded: bool) {
        let rest = if succeeded {
            Verdict::Ack
        } else {
            Verdict::Retry(None)
        };
        for verdict in &mut self.verdicts {
            if *verdict == Verdict::Undecided {
                *verdict = rest;
            }
        }
    }
}

/// Runs a queue handler over a batch, and settles what it left undecided.
#[doc(hidden)]
pub async fn deliver<'b, T, F>(
    batch: &'b mut RawBatch,
    handler: impl FnOnce(Batch<'b, T>) -> F,
) -> Result<()>
where
    T: DeserializeOwned,
    F: Future<Output = Result<()>>,
{
    handler(Batch::new(batch)).await
}

/// Messages that are delivered together.
///
/// When the handler returns `Ok`, every message is done with that it did not retry. When it returns
/// an error, every message is tried again that it did not acknowledge. A message that is tried
/// again too often goes to the dead-letter queue, if the manifest names one.
#[derive(Debug)]
pub struct Batch<'a, T> {
    queue: &'a str,
    messages: Vec<Message<'a, T>>,
}

impl<'a, T: DeserializeOwned> Batch<'a, T> {
    /// Reads each message; one that is not a `T` is retried by itself, and does not hold up the rest.
    pub(crate) fn new(raw: &'a mut RawBatch) -> Self {
        let RawBatch {
            queue,
            messages,
            verdicts,
        } = raw;
        let messages = messages
            .iter()
            .zip(verdicts)
            .filter_map(|(message, verdict)| {
                let body = message.body.as_ref().map_err(Clone::clone);
                let read = body
                    .and_then(|body| serde_json::from_str(body).map_err(|error| error.to_string()));
                match read {
                    Ok(body) => Some(Message {
                        id: &message.id,
                        timestamp: message.timestamp,
                        attempts: message.attempts,
                        body,
                        verdict,
                    }),
                    Err(error) => {
                        *verdict = Verdict::Retry(None);
                        let failure = Failure::new(
                            ErrorKind::Decode,
                            format!("the message {} does not fit its type: {error}", message.id),
                        );
                        backend::log_line(
                            &Error::new(Service::Queue, queue, "receive", None, failure)
                                .to_string(),
                        );
                        None
                    }
                }
            })
            .collect();
        Self { queue, messages }
    }
}

impl<'a, T> Batch<'a, T> {
    /// The queue that the batch comes from.
    #[must_use]
    pub fn queue(&self) -> &str {
        self.queue
    }

    /// How many messages could be read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether none could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

impl<'a, T> IntoIterator for Batch<'a, T> {
    type Item = Message<'a, T>;
    type IntoIter = std::vec::IntoIter<Message<'a, T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages.into_iter()
    }
}

/// One message.
pub struct Message<'a, T> {
    id: &'a str,
    timestamp: SystemTime,
    attempts: u32,
    body: T,
    verdict: &'a mut Verdict,
}

impl<T: fmt::Debug> fmt::Debug for Message<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Message")
            .field("id", &self.id)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

impl<T> Message<'_, T> {
    /// Its id, given by the queue.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id
    }

    /// When it was sent.
    #[must_use]
    pub fn timestamp(&self) -> SystemTime {
        self.timestamp
    }

    /// How often it was delivered, this time included.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// What was sent.
    #[must_use]
    pub fn body(&self) -> &T {
        &self.body
    }

    /// Done with, whatever becomes of the rest of the batch.
    pub fn ack(self) {
        *self.verdict = Verdict::Ack;
    }

    /// To be tried again, whatever becomes of the rest of the batch.
    pub fn retry(self) {
        *self.verdict = Verdict::Retry(None);
    }

    /// To be tried again after so many seconds.
    pub fn retry_after(self, seconds: u32) {
        *self.verdict = Verdict::Retry(Some(seconds));
    }
}
