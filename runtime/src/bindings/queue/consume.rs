//! The batches that a consumer receives.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::{delay_seconds, operations};
use crate::backend;
use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::json;
use crate::observe::Measures;

/// The outcome of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Verdict {
    /// The message has the outcome of the batch.
    #[default]
    Undecided,
    /// The message is done.
    Ack,
    /// The message is delivered again, after a delay in seconds if there is one.
    Retry(Option<u32>),
}

/// A message as a backend delivers it.
#[derive(Debug, Clone)]
pub(crate) struct RawMessage {
    pub(crate) id: String,
    pub(crate) timestamp: SystemTime,
    pub(crate) attempts: u32,
    /// The JSON, or the reason why the body is not JSON.
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

    /// Returns the name of the queue that delivers the batch.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// The counts of the batch, after it is settled. Each message is read, and deleted if it is
    /// acknowledged.
    pub(crate) fn measures(&self) -> Measures {
        let length = |message: &RawMessage| message.body.as_ref().map_or(0, String::len);
        let lengths = self.messages.iter().map(length);
        let settled = self.messages.iter().zip(&self.verdicts);
        let deleted = settled.filter(|(_, verdict)| **verdict == Verdict::Ack);
        let deleted = deleted.map(|(message, _)| length(message));
        Measures {
            count: Some(self.messages.len() as u64),
            bytes: Some(lengths.clone().sum::<usize>() as u64),
            operations: Some(operations(lengths) + operations(deleted)),
            ..Measures::default()
        }
    }

    /// Decides the messages that the handler left undecided.
    pub(crate) fn settle(&mut self, succeeded: bool) {
        let default = if succeeded {
            Verdict::Ack
        } else {
            Verdict::Retry(None)
        };
        for verdict in &mut self.verdicts {
            if *verdict == Verdict::Undecided {
                *verdict = default;
            }
        }
    }
}

/// Messages that are delivered together.
///
/// If the handler returns `Ok`, every message that it did not retry is acknowledged. If the handler
/// returns an error, every message that it did not acknowledge is retried. A message that exceeds
/// the number of retries moves to the dead-letter queue, if the manifest names one.
///
/// <https://developers.cloudflare.com/queues/configuration/batching-retries/>
///
/// # Examples
/// ```
/// use bindery::queue::Batch;
///
/// async fn consume(batch: Batch<'_, String>) -> bindery::Result<()> {
///     for message in batch {
///         println!("{}", message.body());
///         message.ack();
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Batch<'a, T> {
    queue: &'a str,
    messages: Vec<Message<'a, T>>,
}

impl<'a, T: DeserializeOwned> Batch<'a, T> {
    /// Decodes each message. A message that is not a `T` is retried alone and does not block the
    /// others.
    pub(crate) fn new(raw: &'a mut RawBatch) -> Self {
        let RawBatch {
            queue,
            messages,
            verdicts,
        } = raw;

        let mut decoded = Vec::new();
        for (message, verdict) in messages.iter().zip(verdicts) {
            match decode(message) {
                Ok(body) => decoded.push(Message {
                    queue,
                    id: &message.id,
                    timestamp: message.timestamp,
                    attempts: message.attempts,
                    body,
                    verdict,
                }),
                Err(failure) => {
                    *verdict = Verdict::Retry(None);
                    let error = Error::located(Service::Queue, queue, "receive", None, failure);
                    backend::log_line(&error.to_string());
                }
            }
        }
        Self {
            queue,
            messages: decoded,
        }
    }
}

fn decode<T: DeserializeOwned>(message: &RawMessage) -> Result<T, Failure> {
    let body = message.body.as_ref().map_err(Clone::clone);
    let decoded = body.and_then(|body| json::parse(body).map_err(|error| error.describe()));
    decoded.map_err(|error| {
        let text = format!("message {} does not match its type: {error}", message.id);
        Failure::new(ErrorKind::Decode, text)
    })
}

impl<T> Batch<'_, T> {
    /// Returns the name of the queue that delivers the batch.
    #[must_use]
    pub fn queue(&self) -> &str {
        self.queue
    }

    /// Returns the number of messages that could be decoded.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Reports whether no message could be decoded.
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

/// A message of a batch.
pub struct Message<'a, T> {
    queue: &'a str,
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
    /// Returns the id that the queue assigned.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id
    }

    /// Returns the time at which the message was sent.
    #[must_use]
    pub fn timestamp(&self) -> SystemTime {
        self.timestamp
    }

    /// Returns the number of deliveries, including this one.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &T {
        &self.body
    }

    /// Acknowledges the message, regardless of the outcome of the batch.
    pub fn ack(self) {
        *self.verdict = Verdict::Ack;
    }

    /// Retries the message, regardless of the outcome of the batch.
    pub fn retry(self) {
        *self.verdict = Verdict::Retry(None);
    }

    /// Retries the message after `delay`: at most 24 hours (86,400 seconds).
    ///
    /// A delay that is not a whole number of seconds is rounded up to whole seconds.
    ///
    /// <https://developers.cloudflare.com/queues/configuration/batching-retries/#delay-messages>
    ///
    /// # Errors
    /// `InvalidArgument` if the delay is more than 24 hours. The message then has the outcome of
    /// the batch.
    ///
    /// # Examples
    /// ```
    /// # fn f(message: bindery::queue::Message<'_, String>) -> bindery::Result<()> {
    /// use std::time::Duration;
    ///
    /// // Wait longer after each failed attempt.
    /// let delay = Duration::from_secs(30) * message.attempts();
    /// message.retry_after(delay)?;
    /// # Ok(()) }
    /// ```
    pub fn retry_after(self, delay: Duration) -> Result<()> {
        let seconds = delay_seconds(delay).map_err(|failure| {
            Error::located(Service::Queue, self.queue, "retry", None, failure)
        })?;
        *self.verdict = Verdict::Retry(Some(seconds));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_delay_is_rounded_up_to_whole_seconds_and_limited() {
        let retried = |delay| {
            let mut verdict = Verdict::Undecided;
            let message = Message {
                queue: "jobs",
                id: "1",
                timestamp: SystemTime::UNIX_EPOCH,
                attempts: 1,
                body: (),
                verdict: &mut verdict,
            };
            let outcome = message.retry_after(delay);
            (outcome.map_err(|error| error.kind()), verdict)
        };

        let seconds = |seconds| (Ok(()), Verdict::Retry(Some(seconds)));
        assert_eq!(retried(Duration::from_millis(1_500)), seconds(2));
        assert_eq!(retried(Duration::from_secs(86_400)), seconds(86_400));
        let refused = (Err(ErrorKind::InvalidArgument), Verdict::Undecided);
        assert_eq!(retried(Duration::from_secs(86_401)), refused);
        assert_eq!(retried(Duration::MAX), refused);
    }
}
