//! The batches that a consumer receives.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::{delay_seconds, operations, whole_seconds};
use crate::backend;
use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::observe::Measures;
use crate::{json, limits, random};

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
    /// The JSON, or the reason why the body is not JSON. Bytes are an array of numbers: one
    /// deserializer for all contents makes one copy of the code that reads a type.
    pub(crate) body: Result<String, String>,
    /// The number of bytes that were sent.
    pub(crate) length: usize,
}

/// A batch as a backend delivers it, and the verdicts on its messages.
#[derive(Debug)]
pub struct RawBatch {
    pub(crate) queue: String,
    pub(crate) messages: Vec<RawMessage>,
    pub(crate) verdicts: Vec<Verdict>,
    /// How often the consumer retries a message.
    max_retries: u32,
}

impl RawBatch {
    pub(crate) fn new(queue: String, messages: Vec<RawMessage>) -> Self {
        let verdicts = vec![Verdict::Undecided; messages.len()];
        Self {
            queue,
            messages,
            verdicts,
            max_retries: u32::MAX,
        }
    }

    /// Returns the name of the queue that delivers the batch.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Sets how often the consumer retries a message.
    pub fn retries(&mut self, max_retries: u32) -> &mut Self {
        self.max_retries = max_retries;
        self
    }

    /// The counts of the batch, after it is settled. Each message is read, and deleted if it is
    /// acknowledged.
    pub(crate) fn measures(&self) -> Measures {
        let length = |message: &RawMessage| message.length;
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
            max_retries,
        } = raw;

        let mut decoded = Vec::new();
        for (message, verdict) in messages.iter().zip(verdicts) {
            match decode(message) {
                Ok(body) => decoded.push(Message {
                    queue,
                    id: &message.id,
                    timestamp: message.timestamp,
                    attempts: message.attempts,
                    max_retries: *max_retries,
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

    /// Acknowledges all messages, also if the handler then fails.
    pub fn ack_all(self) {
        self.messages.into_iter().for_each(Message::ack);
    }

    /// Retries all messages, also if the handler then succeeds.
    pub fn retry_all(self) {
        self.messages.into_iter().for_each(Message::retry);
    }

    /// Retries all messages after `delay`: see [`Message::retry_after`].
    ///
    /// # Errors
    /// `InvalidArgument` if the delay is more than 24 hours. The messages then have the outcome of
    /// the batch.
    pub fn retry_all_after(self, delay: Duration) -> Result<()> {
        let mut messages = self.messages.into_iter();
        messages.try_for_each(|message| message.retry_after(delay))
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
    max_retries: u32,
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

    /// Reports whether a retry is the end of the message: it moves to the dead-letter queue, or is
    /// deleted if there is none.
    ///
    /// # Examples
    /// ```
    /// # fn f(message: bindery::queue::Message<'_, String>) {
    /// if message.is_last_attempt() {
    ///     eprintln!("message {} fails for good", message.id());
    /// }
    /// message.retry();
    /// # }
    /// ```
    #[must_use]
    pub fn is_last_attempt(&self) -> bool {
        self.attempts > self.max_retries
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &T {
        &self.body
    }

    /// Returns the body. The message has the outcome of the batch.
    #[must_use]
    pub fn into_body(self) -> T {
        self.body
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

    /// Retries the message after a delay that doubles with each attempt: `base` after the first
    /// one, and never more than `longest` or 24 hours.
    ///
    /// The delay is a random part of that, at least half of it, so that messages that failed
    /// together do not return together.
    ///
    /// # Examples
    /// ```
    /// # fn f(message: bindery::queue::Message<'_, String>) {
    /// use std::time::Duration;
    ///
    /// // 10, 20, 40 seconds and so on, at most an hour.
    /// message.retry_with_backoff(Duration::from_secs(10), Duration::from_secs(3600));
    /// # }
    /// ```
    pub fn retry_with_backoff(self, base: Duration, longest: Duration) {
        let longest = longest.min(Duration::from_secs(limits::queue::DELAY_SECONDS.into()));
        let doublings = self.attempts.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let delay = base.saturating_mul(factor).min(longest);

        // Without random numbers, all of it.
        let part = random::bytes().map_or(u32::MAX, u32::from_le_bytes);
        let part = 0.5 + f64::from(part) / f64::from(u32::MAX) / 2.0;
        let seconds = whole_seconds(delay.mul_f64(part));
        *self.verdict = Verdict::Retry(u32::try_from(seconds).ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_settled_at_once() {
        let message = |id: u32| RawMessage {
            id: id.to_string(),
            timestamp: SystemTime::UNIX_EPOCH,
            attempts: 1,
            // The second one does not match.
            body: Ok(if id == 2 { "true" } else { "7" }.to_owned()),
            length: 4,
        };
        let settled = |settle: fn(Batch<'_, u32>)| {
            let mut raw = RawBatch::new("jobs".to_owned(), (1..=3).map(message).collect());
            settle(Batch::new(&mut raw));
            raw.settle(false);
            raw.verdicts
        };

        let (ack, retry) = (Verdict::Ack, Verdict::Retry(None));
        assert_eq!(settled(|batch| batch.ack_all()), [ack, retry, ack]);
        assert_eq!(settled(|batch| batch.retry_all()), [retry, retry, retry]);
        let later = Verdict::Retry(Some(2));
        let retry_later = |batch: Batch<'_, u32>| {
            assert!(batch.retry_all_after(Duration::from_millis(1_500)).is_ok());
        };
        assert_eq!(settled(retry_later), [later, retry, later]);
        let sum = |batch: Batch<'_, u32>| {
            let bodies: Vec<u32> = batch.into_iter().map(Message::into_body).collect();
            assert_eq!(bodies, [7, 7]);
        };
        assert_eq!(settled(sum), [retry, retry, retry]);
    }

    #[test]
    fn a_backoff_doubles_up_to_the_longest() {
        let delays = |attempts, longest: u64| {
            let delay = move |_| {
                let mut verdict = Verdict::Undecided;
                let message = Message {
                    queue: "jobs",
                    id: "1",
                    timestamp: SystemTime::UNIX_EPOCH,
                    attempts,
                    max_retries: 3,
                    body: (),
                    verdict: &mut verdict,
                };
                message.retry_with_backoff(Duration::from_secs(10), Duration::from_secs(longest));
                match verdict {
                    Verdict::Retry(seconds) => seconds.unwrap_or_default(),
                    Verdict::Undecided | Verdict::Ack => 0,
                }
            };
            let delays: Vec<u32> = (0..100).map(delay).collect();
            (delays.iter().min().copied(), delays.iter().max().copied())
        };

        for (attempts, longest, most) in [
            (1, 3600, 10),
            (3, 3600, 40),
            (12, 3600, 3600),
            (40, 1_000_000, 86_400),
        ] {
            let (Some(least), Some(found)) = delays(attempts, longest) else {
                unreachable!("there are delays");
            };
            assert!(
                least >= most / 2 && found <= most,
                "{least} to {found} of {most}"
            );
            assert!(most < 100 || least < most * 9 / 10, "they differ");
        }
    }

    #[test]
    fn a_retry_delay_is_rounded_up_to_whole_seconds_and_limited() {
        let retried = |delay| {
            let mut verdict = Verdict::Undecided;
            let message = Message {
                queue: "jobs",
                id: "1",
                timestamp: SystemTime::UNIX_EPOCH,
                attempts: 1,
                max_retries: 3,
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
