//! Queues: sending and its limits. The tests of each backend start the delivery.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery::observe::Event;
use bindery::queue::{Batch, SendOptions};
use bindery::{Error, ErrorKind, time};
use serde::{Deserialize, Serialize};

use crate::{Env, Outcome, same};

/// A text in JSON, of a given number of bytes.
#[derive(Debug, Serialize, bindery::Message)]
#[message(binding = QUEUE)]
struct Quoted(String);

impl Quoted {
    fn of(bytes: usize) -> Self {
        Self("x".repeat(bytes - 2))
    }
}

/// A number in JSON.
#[derive(Debug, Clone, Copy, Serialize, bindery::Message)]
#[message(binding = QUEUE)]
struct Number(i128);

/// The work of the consumer.
#[derive(Debug, Serialize, Deserialize, bindery::Message)]
#[message(binding = QUEUE)]
pub struct Job {
    text: String,
    /// The first attempt that succeeds.
    succeed_at: u32,
    /// Doubles, which have to arrive with every bit.
    reals: Vec<f64>,
    #[serde(default)]
    act: Act,
}

/// What the consumer does with a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
enum Act {
    /// Acknowledges it, or retries it before `succeed_at`.
    #[default]
    Settle,
    /// Leaves it undecided.
    Nothing,
    /// Leaves it undecided, and fails the batch.
    Fail,
    /// Retries it once, after a delay.
    RetryLater,
}

/// The delay of a message or a retry.
const DELAY: Duration = Duration::from_secs(1);

fn job(text: &str, succeed_at: u32, act: Act) -> Job {
    Job {
        text: text.to_owned(),
        succeed_at,
        reals: crate::random_reals(600),
        act,
    }
}

/// Stores each message that succeeds.
///
/// # Errors
/// When the database fails, or a job fails its batch.
pub async fn consume(batch: Batch<'_, Job>, env: Env) -> bindery::Result<()> {
    let mut fails = false;
    for message in batch {
        let (attempts, act) = (message.attempts(), message.body().act);
        let age = time::now().duration_since(message.timestamp());
        // Workers round the time to milliseconds.
        let is_late = age.is_ok_and(|age| age + Duration::from_millis(10) >= DELAY);
        if act == Act::RetryLater && attempts == 1 {
            message.retry_after(DELAY)?;
            continue;
        }
        if attempts < message.body().succeed_at {
            message.retry();
            continue;
        }
        let bits = |reals: &[f64]| reals.iter().map(|real| real.to_bits()).collect::<Vec<_>>();
        let is_exact = bits(&message.body().reals) == bits(&crate::random_reals(600));
        if !is_exact || message.id().is_empty() {
            message.retry();
            continue;
        }

        let text = match (&*message.body().text, is_late) {
            ("delayed" | "retried later", false) => "early",
            (text, _) => text,
        };
        env.db.note(text, i64::from(attempts)).await?;
        match act {
            Act::Settle | Act::RetryLater => message.ack(),
            Act::Nothing => {}
            Act::Fail => fails = true,
        }
    }
    if fails {
        return Err(Error::new(ErrorKind::Internal, "a job fails its batch"));
    }
    Ok(())
}

/// Notes each line with its attempt, and retries those that start with `fail`.
///
/// # Errors
/// When the database fails.
pub async fn consume_lines(batch: Batch<'_, String>, env: Env) -> bindery::Result<()> {
    for message in batch {
        let fails = message.body().starts_with("fail");
        let last = if message.is_last_attempt() {
            ", the last time"
        } else {
            ""
        };
        let text = format!("{}{last}", message.body());
        env.db.note(&text, i64::from(message.attempts())).await?;
        if fails {
            message.retry();
        }
    }
    Ok(())
}

/// Notes each dead line.
///
/// # Errors
/// When the database fails.
pub async fn consume_dead_lines(batch: Batch<'_, String>, env: Env) -> bindery::Result<()> {
    for message in batch {
        let text = format!("dead: {}", message.body());
        env.db.note(&text, i64::from(message.attempts())).await?;
    }
    Ok(())
}

/// Notes the bytes of each message.
///
/// # Errors
/// When the database fails.
pub async fn consume_blobs(batch: Batch<'_, Vec<u8>>, env: Env) -> bindery::Result<()> {
    for message in batch {
        env.db.note(&format!("{:?}", message.body()), 1).await?;
    }
    Ok(())
}

/// Sends texts and bytes, and bytes that are not UTF-8.
pub async fn send_plain(env: Env) -> Outcome {
    env.lines.send("a \"text\" \u{1F600}").await?;
    env.lines.send_batch(&["fail"]).await?;
    let options = SendOptions::default();
    env.blobs.send_with(&vec![0_u8, 255, 34], options).await?;
    env.blobs.send_batch(&[b"{".to_vec(), Vec::new()]).await?;
    // Not a text: it is retried alone, and then a dead letter.
    Ok(env.lines.send([1_u8, 2].as_slice()).await?)
}

/// Texts and bytes arrive as they were sent, and a text that fails twice is a dead letter.
pub async fn plain_arrived(env: Env) -> Outcome {
    let expected = [
        ("[0, 255, 34]", 1),
        ("[123]", 1),
        ("[]", 1),
        ("a \"text\" \u{1F600}", 1),
        ("dead: fail", 1),
        ("fail", 1),
        ("fail, the last time", 2),
    ];
    noted(&env, &expected).await
}

/// Sends the messages that [`arrived`] expects: two valid ones, one that succeeds on its second
/// attempt, one that never succeeds, and one that is not a job.
pub async fn send(env: Env) -> Outcome {
    let job = |text, succeed_at| job(text, succeed_at, Act::Settle);
    env.queue.send(&job("one \u{1F600}", 0)).await?;
    env.queue
        .send_batch(&[job("two", 0), job("second attempt", 2), job("never", 9)])
        .await?;
    env.queue.send(&serde_json::json!({ "text": 1 })).await?;
    Ok(())
}

/// Checks that every message that can succeed did.
pub async fn arrived(env: Env) -> Outcome {
    let expected = [("one \u{1F600}", 1), ("second attempt", 2), ("two", 1)];
    noted(&env, &expected).await
}

/// Checks the texts that the consumer stored, with their attempts.
async fn noted(env: &Env, expected: &[(&str, i64)]) -> Outcome {
    let rows = env.db.noted().await?;
    let mut noted: Vec<_> = rows
        .iter()
        .map(|row| (row.body.as_str(), row.attempts))
        .collect();
    noted.sort_unstable();
    same!(noted, expected);
    Ok(())
}

/// Sends a message that the handler leaves undecided.
pub async fn send_undecided(env: Env) -> Outcome {
    let undecided = job("undecided", 0, Act::Nothing);
    Ok(env.queue.send(&undecided).await?)
}

/// A message without a decision is acknowledged if the handler succeeds.
pub async fn undecided_arrived(env: Env) -> Outcome {
    noted(&env, &[("undecided", 1)]).await
}

/// Sends a message that fails its batch, and one that is acknowledged before.
pub async fn send_failing(env: Env) -> Outcome {
    let jobs = [job("acked", 0, Act::Settle), job("failing", 0, Act::Fail)];
    Ok(env.queue.send_batch(&jobs).await?)
}

/// If the handler fails, only messages without a decision are delivered again: `max_retries` times.
pub async fn failing_arrived(env: Env) -> Outcome {
    let expected = [
        ("acked", 1),
        ("failing", 1),
        ("failing", 2),
        ("undecided", 1),
    ];
    noted(&env, &expected).await
}

/// Sends a message with a delay, a batch with one, and one whose retry has a delay.
pub async fn send_delayed(env: Env) -> Outcome {
    let delayed = job("delayed", 0, Act::Settle);
    let options = SendOptions::default().delay(DELAY);
    env.queue.send_with(&delayed, options).await?;
    env.queue.send_batch_with(&[delayed], options).await?;
    let retried = job("retried later", 0, Act::RetryLater);
    Ok(env.queue.send(&retried).await?)
}

/// No message arrives before its delay.
pub async fn delayed_arrived(env: Env) -> Outcome {
    let expected = [("delayed", 1), ("delayed", 1), ("retried later", 2)];
    noted(&env, &expected).await
}

/// The largest messages and batches are accepted.
pub async fn the_largest_messages(env: Env) -> Outcome {
    let text = Quoted::of;
    env.queue.send(&text(128_000)).await?;
    env.queue
        .send_batch(&[text(128_000), text(128_000)])
        .await?;
    env.queue.send_batch(&[Number(0); 100]).await?;
    let latest = SendOptions::default().delay(Duration::from_secs(86_400));
    env.queue.send_with(&Number(0), latest).await?;
    Ok(())
}

/// The limits of the platform are checked before a call.
pub async fn limits(env: Env) -> Outcome {
    let text = Quoted::of;
    let kind = |result: bindery::Result<()>| result.map_err(|error| error.kind());
    same!(
        kind(env.queue.send(&text(128_001)).await),
        Err(ErrorKind::TooLarge)
    );
    same!(
        kind(
            env.queue
                .send_batch(&[text(100_000), text(100_000), text(100_000)])
                .await
        ),
        Err(ErrorKind::TooLarge)
    );
    same!(
        kind(env.queue.send_batch(&[Number(0); 101]).await),
        Err(ErrorKind::TooLarge)
    );
    let late = SendOptions::default().delay(Duration::from_millis(86_400_001));
    same!(
        kind(env.queue.send_with("x", late).await),
        Err(ErrorKind::InvalidArgument)
    );
    Ok(())
}

/// Any number of messages is divided into batches, by their number and by their bytes.
pub async fn any_number_of_messages(env: Env) -> Outcome {
    let sent = Arc::<Mutex<Vec<Option<u64>>>>::default();
    let seen = Arc::clone(&sent);
    env.observe(move |event: &Event<'_>| {
        if let (Ok(mut seen), "send_batch") = (seen.lock(), event.operation) {
            seen.push(event.measures.count);
        }
    });
    let batches = || sent.lock().map(|mut sent| std::mem::take(&mut *sent));

    same!(env.queue.send_all((0..101).map(Number)).await?, 101);
    same!(batches().unwrap_or_default(), [Some(100), Some(1)]);
    let text = Quoted::of;
    let lengths = [128_000, 128_000, 1_000, 128_000, 127_001, 2];
    same!(env.queue.send_all(lengths.map(text)).await?, 6);
    same!(batches().unwrap_or_default(), [Some(2), Some(2), Some(2)]);
    same!(env.queue.send_all::<Number>([]).await?, 0);

    // Nothing is sent before all messages are known to be valid.
    let error = env.queue.send_all([2, 128_001].map(text)).await.err();
    same!(error.map(|error| error.kind()), Some(ErrorKind::TooLarge));
    same!(batches().unwrap_or_default().len(), 0);
    Ok(())
}

/// An empty batch sends nothing.
pub async fn batch(env: Env) -> Outcome {
    env.queue.send_batch::<Job>(&[]).await?;
    same!(env.db.noted().await?.len(), 0);
    Ok(())
}

/// A message with an integer that JavaScript would round is an error.
pub async fn messages_keep_every_bit(env: Env) -> Outcome {
    let refused = env.queue.send(&Number(9_007_199_254_740_993)).await;
    same!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    let refused = env
        .queue
        .send_batch(&[Number(0), Number(u64::MAX.into())])
        .await;
    same!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    Ok(())
}
