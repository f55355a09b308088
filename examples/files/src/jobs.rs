//! The handler of `files-queue`.

use bindery::queue::Batch;
use serde::{Deserialize, Serialize};

use crate::Env;
use crate::files::{self, FileKey};

/// A message of the queue. A queue can deliver a message twice, so each job can run twice.
#[derive(Debug, Serialize, Deserialize, bindery::Message)]
#[message(binding = QUEUE)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// Process a new file.
    Process {
        /// The id of the file.
        id: i64,
        /// The owner of the file.
        user: String,
    },
    /// Sweep, because a file was deleted.
    Sweep,
}

/// Processes new files, and then sweeps.
///
/// Each new file is acknowledged or retried by itself, so an error does not affect the others. The
/// other messages are retried if the sweep fails.
///
/// # Errors
/// The errors of the sweep.
pub async fn process(batch: Batch<'_, Job>, env: Env) -> bindery::Result<()> {
    for message in batch {
        let Job::Process { id, user } = message.body() else {
            continue;
        };
        match mark_processed(&env, *id, user).await {
            Ok(()) => message.ack(),
            Err(_) => message.retry(),
        }
    }

    files::sweep(&env).await
}

async fn mark_processed(env: &Env, id: i64, user: &str) -> bindery::Result<()> {
    // A file that was deleted meanwhile is not counted.
    if let Some(file) = env.db.file_by_id(id, user).await? {
        let stats = env.user_stats.by_name(user);
        stats.record_upload(id, file.size_bytes).await?;
    }
    env.db.mark_processed(id).await?;
    // The cached metadata still has `processed: false`.
    env.cache.delete(&FileKey { user, id }).await
}
