//! The handler of `files-queue`.

use bindery::queue::Batch;

use crate::Env;
use crate::files::{FileKey, Uploaded};

/// Marks the file of each message as processed.
///
/// Each message is acknowledged or retried by itself, so an error does not affect the others.
///
/// # Errors
/// None.
pub async fn process(batch: Batch<'_, Uploaded>, env: Env) -> bindery::Result<()> {
    for message in batch {
        match mark_processed(&env, message.body()).await {
            Ok(()) => message.ack(),
            Err(_) => message.retry(),
        }
    }
    Ok(())
}

async fn mark_processed(env: &Env, Uploaded { id, user }: &Uploaded) -> bindery::Result<()> {
    env.db.mark_processed(*id).await?;
    // The cached metadata still has `processed: false`.
    env.cache.delete(&FileKey { user, id: *id }).await
}
