//! The handlers of `files-queue`, of its dead letters, and of the nightly cron trigger.

use bindery::queue::Batch;
use serde::{Deserialize, Serialize};

use crate::Env;
use crate::error::AppError;
use crate::feed::{Kind, announce};
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
    let file = env.db.file_by_id(id, user).await?;
    // A file that was deleted meanwhile is not counted.
    if let Some(file) = &file {
        let stats = env.user_stats.by_name(user);
        stats.record_upload(id, file.size_bytes).await?;
    }
    let (mark, forget) = (env.db.mark_processed(id), env.db.forget_failed_job(id));
    env.db.batch((mark, forget)).await?;
    // The cached metadata still has `processed: false`.
    env.cache.delete(&FileKey { user, id }).await?;

    if let Some(file) = file {
        announce(env, user, Kind::Processed, id, Some(file.filename)).await;
    }
    Ok(())
}

/// Notes the files whose processing failed on every attempt, so that their owners can
/// [`retry`]. The nightly [`clean_up`] does what other jobs have left.
///
/// # Errors
/// The errors of D1.
pub async fn bury(batch: Batch<'_, Job>, env: Env) -> bindery::Result<()> {
    for message in batch {
        if let Job::Process { id, user } = message.body() {
            env.db.add_failed_job(*id, user).await?;
            announce(&env, user, Kind::Failed, *id, None).await;
        }
        message.ack();
    }
    Ok(())
}

/// Sends the job of a file again, after it failed on every attempt.
///
/// # Errors
/// `NotFound` if the file does not exist or belongs to another user, or its job has not failed.
pub async fn retry(env: &Env, user: &str, id: i64) -> Result<(), AppError> {
    let failed = env.db.failed_job(id, user).await?;
    failed.ok_or(AppError::NotFound)?;
    // In this order: a job that is sent twice does no harm.
    let user = user.to_owned();
    env.queue.send(&Job::Process { id, user }).await?;
    env.db.forget_failed_job(id).await?;
    Ok(())
}

/// Sweeps every night, in case that a message was lost.
///
/// # Errors
/// The errors of the sweep.
pub async fn clean_up(env: Env) -> bindery::Result<()> {
    files::sweep(&env).await
}
