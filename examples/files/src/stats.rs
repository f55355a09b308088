//! What each user has uploaded, in a Durable Object per user.

use bindery::durable_object::State;
use serde::{Deserialize, Serialize};

use crate::Env;
use crate::bindings::UserStatsDb;

/// The statistics of one user.
///
/// All uploads of a user are counted in one place, so that two at the same time are both counted.
#[derive(Debug)]
pub struct UserStats {
    database: UserStatsDb,
}

/// What a user has uploaded, deleted files included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// The number of files.
    pub files: i64,
    /// The size of the files in bytes.
    pub bytes: i64,
}

#[bindery::durable_object]
impl UserStats {
    fn new(state: State, _env: Env) -> bindery::Result<Self> {
        Ok(Self {
            database: state.database()?,
        })
    }

    /// Records an upload, and returns the sums. Recording a file twice changes nothing.
    pub async fn record_upload(&self, file: i64, bytes: i64) -> bindery::Result<Stats> {
        self.database.add_upload(file, bytes).await?;
        self.stats().await
    }

    /// Returns the sums.
    pub async fn stats(&self) -> bindery::Result<Stats> {
        let totals = self.database.totals().await?;
        Ok(Stats {
            files: totals.files,
            bytes: totals.bytes,
        })
    }
}
