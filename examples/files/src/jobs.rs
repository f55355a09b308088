//! The consumer of `files-queue`.

use bindery::queue::Batch;

use crate::Env;
use crate::files::{FileKey, Uploaded};

/// Marks each file of a batch as processed. A message that fails is tried again by itself.
///
/// # Errors
/// None: each message has its own verdict.
pub async fn process(batch: Batch<'_, Uploaded>, env: Env) -> bindery::Result<()> {
    for message in batch {
        match mark(&env, message.body()).await {
            Ok(()) => message.ack(),
            Err(_) => message.retry(),
        }
    }
    Ok(())
}

async fn mark(env: &Env, Uploaded { id, user }: &Uploaded) -> bindery::Result<()> {
    env.db.mark_processed(*id).await?;
    // What is cached says that it was not processed.
    env.cache.delete(&FileKey { user, id: *id }).await
}
