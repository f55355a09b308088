//! Queues: typed messages, sent one by one or in batches, and consumed in batches.
//!
//! <https://developers.cloudflare.com/queues/>

mod consume;
mod message;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::backend::{self, Backend};
use crate::bindings::{BindingKind, Connect};
use crate::error::{ErrorKind, Failure, Result};
use crate::limits;
use crate::observe::{Gate, Measures};

use super::key::Binding;

pub use consume::{Batch, Message, RawBatch};
pub(crate) use consume::{RawMessage, Verdict};
pub(crate) use message::Body;
pub use message::MessageOf;
#[doc(hidden)]
pub use message::{Content, json_content};

/// A queue to which the worker sends messages. `B` is the generated type of its binding.
///
/// The types of its messages derive [`Message`](macro@crate::Message).
///
/// <https://developers.cloudflare.com/queues/platform/limits/>
pub struct Queue<B> {
    sender: Sender,
    binding: PhantomData<fn() -> B>,
}

impl<B> Clone for Queue<B> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            binding: PhantomData,
        }
    }
}

impl<B> fmt::Debug for Queue<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Queue")
            .field("gate", &self.sender.gate)
            .finish_non_exhaustive()
    }
}

/// A queue without the types of its messages.
#[derive(Clone)]
struct Sender {
    gate: Gate,
    backend: backend::Queue,
}

/// A message that is ready to be sent, or why it cannot be.
type Encoded = Result<Content, Failure>;

/// The options of [`send_with`](Queue::send_with).
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use bindery::queue::SendOptions;
///
/// let options = SendOptions::default().delay(Duration::from_secs(60));
/// assert_eq!(options.delay, Duration::from_secs(60));
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SendOptions {
    /// The time before the message is delivered: at most 24 hours. The default is zero.
    pub delay: Duration,
}

impl SendOptions {
    /// Delivers the message after `delay`: at most 24 hours (86,400 seconds).
    ///
    /// A delay that is not a whole number of seconds is rounded up to whole seconds.
    ///
    /// <https://developers.cloudflare.com/queues/configuration/batching-retries/#delay-messages>
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl<B: Binding> Connect for Queue<B> {
    const KIND: BindingKind = BindingKind::Queue;

    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String> {
        let backend = backend.queue(binding)?;
        Ok(Self {
            sender: Sender { gate, backend },
            binding: PhantomData,
        })
    }
}

impl<B: Binding> Queue<B> {
    /// Sends a message.
    ///
    /// # Errors
    /// `TooLarge` if the message has more than 128,000 bytes. `InvalidArgument` if the message
    /// cannot be serialized as JSON, or contains an integer beyond ±(2^53 − 1), which a consumer in
    /// JavaScript would round.
    ///
    /// # Examples
    /// ```
    /// # use bindery::__private::Binding;
    /// # use bindery::queue::Queue;
    /// # async fn f<B: Binding>(queue: &Queue<B>) -> bindery::Result<()> {
    /// queue.send(&serde_json::json!({ "file": 7 })).await?;
    /// # Ok(()) }
    /// ```
    pub fn send<T: MessageOf<B::Name> + ?Sized>(&self, message: &T) -> BoxFuture<'_, Result<()>> {
        self.send_with(message, SendOptions::default())
    }

    /// Sends a message, with options.
    ///
    /// # Errors
    /// See [`send`](Self::send). `InvalidArgument` if the delay is more than 24 hours.
    ///
    /// # Examples
    /// ```
    /// # use bindery::__private::Binding;
    /// # async fn f<B: Binding>(queue: &bindery::queue::Queue<B>) -> bindery::Result<()> {
    /// use std::time::Duration;
    ///
    /// use bindery::queue::SendOptions;
    ///
    /// let options = SendOptions::default().delay(Duration::from_secs(60));
    /// queue.send_with("remind ann", options).await?;
    /// # Ok(()) }
    /// ```
    pub fn send_with<T: MessageOf<B::Name> + ?Sized>(
        &self,
        message: &T,
        options: SendOptions,
    ) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.sender.send(message.content(), options))
    }

    /// Sends up to 100 messages, of at most 256,000 bytes in total: all of them or none.
    ///
    /// # Errors
    /// `TooLarge` if there are more than 100 messages, a message has more than 128,000 bytes, or
    /// all messages have more than 256,000 bytes. See also [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// # use bindery::__private::Binding;
    /// # use bindery::queue::Queue;
    /// # async fn f<B: Binding>(queue: &Queue<B>) -> bindery::Result<()> {
    /// queue.send_batch(&["one", "two"]).await?;
    /// # Ok(()) }
    /// ```
    pub fn send_batch<T: MessageOf<B::Name>>(&self, messages: &[T]) -> BoxFuture<'_, Result<()>> {
        self.send_batch_with(messages, SendOptions::default())
    }

    /// Sends messages as [`send_batch`](Self::send_batch) does, with options that apply to each.
    ///
    /// # Errors
    /// See [`send_batch`](Self::send_batch). `InvalidArgument` if the delay is more than 24 hours.
    pub fn send_batch_with<T: MessageOf<B::Name>>(
        &self,
        messages: &[T],
        options: SendOptions,
    ) -> BoxFuture<'_, Result<()>> {
        let contents = messages.iter().map(MessageOf::content).collect();
        Box::pin(self.sender.send_batch(contents, options))
    }

    /// Sends any number of messages, in batches that are as large as the platform allows. Returns
    /// their number.
    ///
    /// All messages are encoded before the first batch is sent. Each batch is sent or not, and the
    /// batches are sent one after another: after an error the messages of earlier batches are in
    /// the queue.
    ///
    /// # Errors
    /// See [`send`](Self::send). Before the first batch nothing was sent.
    ///
    /// # Examples
    /// ```
    /// # use bindery::__private::Binding;
    /// # use bindery::queue::Queue;
    /// # async fn f<B: Binding>(queue: &Queue<B>) -> bindery::Result<()> {
    /// let lines = (0..1000).map(|line| format!("line {line}"));
    /// assert_eq!(queue.send_all(lines).await?, 1000);
    /// # Ok(()) }
    /// ```
    pub fn send_all<T: MessageOf<B::Name>>(
        &self,
        messages: impl IntoIterator<Item = T>,
    ) -> BoxFuture<'_, Result<usize>> {
        let contents = messages.into_iter().map(|message| message.content());
        Box::pin(self.sender.send_all(contents.collect()))
    }
}

impl Sender {
    async fn send(&self, content: Encoded, options: SendOptions) -> Result<()> {
        let work = async {
            let delay_seconds = delay_seconds(options.delay)?;
            let Content(body) = content?;
            let bodies = std::slice::from_ref(&body);
            self.backend.send(bodies, delay_seconds, false).await?;

            let measures = Measures {
                count: Some(1),
                bytes: Some(body.len() as u64),
                operations: Some(operations([body.len()])),
                ..Measures::default()
            };
            Ok(((), measures.into()))
        };
        self.gate.pass("send", None, work).await
    }

    async fn send_batch(&self, contents: Vec<Encoded>, options: SendOptions) -> Result<()> {
        let work = async {
            let delay_seconds = delay_seconds(options.delay)?;
            let (bodies, bytes) = check_batch(contents)?;
            if !bodies.is_empty() {
                self.backend.send(&bodies, delay_seconds, true).await?;
            }

            let measures = Measures {
                count: Some(bodies.len() as u64),
                bytes: Some(bytes as u64),
                operations: Some(operations(bodies.iter().map(Body::len))),
                ..Measures::default()
            };
            Ok(((), measures.into()))
        };
        self.gate.pass("send_batch", None, work).await
    }

    async fn send_all(&self, contents: Result<Vec<Content>, Failure>) -> Result<usize> {
        let contents = contents.map_err(|failure| self.gate.failed("send_all", failure))?;
        let mut count = 0;
        for batch in batches(contents) {
            count += batch.len();
            let batch = batch.into_iter().map(Ok).collect();
            self.send_batch(batch, SendOptions::default()).await?;
        }
        Ok(count)
    }
}

/// Divides messages into batches of the allowed number of messages and bytes.
fn batches(contents: Vec<Content>) -> Vec<Vec<Content>> {
    let mut batches: Vec<Vec<Content>> = Vec::new();
    let mut bytes = 0;

    for content in contents {
        let length = content.0.len();
        bytes += length;
        match batches.last_mut() {
            Some(batch)
                if batch.len() < limits::queue::BATCH_MESSAGES
                    && bytes <= limits::queue::BATCH_BYTES =>
            {
                batch.push(content);
            }
            _ => {
                bytes = length;
                batches.push(vec![content]);
            }
        }
    }
    batches
}

/// The bytes that the platform adds to a message, approximately.
const METADATA_BYTES: usize = 100;

/// The operations that the platform bills for messages with these lengths.
///
/// <https://developers.cloudflare.com/queues/platform/pricing/>
fn operations(lengths: impl IntoIterator<Item = usize>) -> u64 {
    let operations = lengths
        .into_iter()
        .map(|length| (length + METADATA_BYTES).div_ceil(limits::queue::OPERATION_BYTES));
    operations.sum::<usize>() as u64
}

/// Checks the limits of a batch, and returns its bodies and their total number of bytes.
fn check_batch(bodies: Vec<Encoded>) -> Result<(Vec<Body>, usize), Failure> {
    let page = limits::queue::PAGE;

    if bodies.len() > limits::queue::BATCH_MESSAGES {
        let found = format!("{} messages", bodies.len());
        let limit = limits::queue::BATCH_MESSAGES;
        return Err(Failure::limit("the batch", found, limit, page));
    }

    let bodies = bodies.into_iter().map(|content| Ok(content?.0));
    let bodies = bodies.collect::<Result<Vec<_>, Failure>>()?;
    let bytes = bodies.iter().map(Body::len).sum();
    limits::bytes("the batch", bytes, limits::queue::BATCH_BYTES, page)?;
    Ok((bodies, bytes))
}

/// Returns a delay in whole seconds, rounded up.
fn whole_seconds(delay: Duration) -> u64 {
    let fraction = u64::from(delay.subsec_nanos() > 0);
    delay.as_secs().saturating_add(fraction)
}

/// Returns a delay in whole seconds, rounded up, if it is within the limit.
fn delay_seconds(delay: Duration) -> Result<u32, Failure> {
    let limit = limits::queue::DELAY_SECONDS;
    let seconds = whole_seconds(delay);
    match u32::try_from(seconds) {
        Ok(seconds) if seconds <= limit => Ok(seconds),
        Ok(_) | Err(_) => {
            let page = limits::queue::PAGE;
            let message =
                format!("the delay must be at most {limit} seconds, not {seconds}; see {page}");
            Err(Failure::new(ErrorKind::InvalidArgument, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_rounded_up_to_whole_seconds_and_limited() {
        let seconds = |delay| delay_seconds(delay).ok();
        assert_eq!(seconds(Duration::ZERO), Some(0));
        assert_eq!(seconds(Duration::from_millis(1)), Some(1));
        assert_eq!(seconds(Duration::from_secs(2)), Some(2));
        assert_eq!(seconds(Duration::from_millis(86_399_001)), Some(86_400));
        assert_eq!(seconds(Duration::from_secs(86_400)), Some(86_400));
        assert_eq!(seconds(Duration::from_millis(86_400_001)), None);
        assert_eq!(seconds(Duration::MAX), None);
    }
}
