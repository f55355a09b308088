//! Queues: sending and its limits. The tests of each backend start the delivery.

use std::time::Duration;

use bindery::ErrorKind;
use bindery::queue::{Batch, SendOptions};
use serde::{Deserialize, Serialize};

use crate::{Env, Outcome, same};

/// The work of the consumer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    text: String,
    /// The first attempt that succeeds.
    succeed_at: u32,
    /// Doubles, which have to arrive with every bit.
    reals: Vec<f64>,
}

/// Stores each message that succeeds.
///
/// # Errors
/// When the database fails.
pub async fn consume(batch: Batch<'_, Job>, env: Env) -> bindery::Result<()> {
    for message in batch {
        let attempts = message.attempts();
        if attempts < message.body().succeed_at {
            message.retry();
            continue;
        }
        let bits = |reals: &[f64]| reals.iter().map(|real| real.to_bits()).collect::<Vec<_>>();
        if bits(&message.body().reals) != bits(&crate::random_reals(600)) {
            message.retry();
            continue;
        }
        env.db
            .note(&message.body().text, i64::from(attempts))
            .await?;
        message.ack();
    }
    Ok(())
}

/// Sends the messages that [`arrived`] expects: two valid ones, one that succeeds on its second
/// attempt, one that never succeeds, and one that is not a job.
pub async fn send(env: Env) -> Outcome {
    let job = |text: &str, succeed_at: u32| Job {
        text: text.to_owned(),
        succeed_at,
        reals: crate::random_reals(600),
    };
    env.queue.send(&job("one \u{1F600}", 0)).await?;
    env.queue
        .send_batch(&[job("two", 0), job("second attempt", 2), job("never", 9)])
        .await?;
    env.queue.send(&serde_json::json!({ "text": 1 })).await?;
    Ok(())
}

/// Checks that every message that can succeed did.
pub async fn arrived(env: Env) -> Outcome {
    let mut noted: Vec<(String, i64)> = env
        .db
        .noted()
        .await?
        .into_iter()
        .map(|row| (row.body, row.attempts))
        .collect();
    noted.sort();
    let text = |text: &str| text.to_owned();
    same!(
        noted,
        [
            (text("one \u{1F600}"), 1),
            (text("second attempt"), 2),
            (text("two"), 1)
        ]
    );
    Ok(())
}

/// The limits of the platform are checked before a call.
pub async fn limits(env: Env) -> Outcome {
    let text = |bytes: usize| "x".repeat(bytes - 2);
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
        kind(env.queue.send_batch(&[0; 101]).await),
        Err(ErrorKind::TooLarge)
    );
    let late = SendOptions::default().delay(Duration::from_millis(86_400_001));
    same!(
        kind(env.queue.send_with("x", late).await),
        Err(ErrorKind::InvalidArgument)
    );
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
    let refused = env.queue.send(&[9_007_199_254_740_993_i64]).await;
    same!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    let refused = env.queue.send_batch(&[0, u64::MAX]).await;
    same!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    Ok(())
}
