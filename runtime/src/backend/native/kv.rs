//! KV in a SQLite file.

use std::path::Path;
use std::time::Duration;

use bindery_sqlite::rusqlite::{self, OptionalExtension, params};

use crate::error::Failure;
use crate::kv::{List, ListOptions, ListedKey};

use super::clock::now_milliseconds;
use super::store::Store;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL,
    metadata TEXT,
    -- Seconds since the Unix epoch; NULL is for ever.
    expiration INTEGER
) STRICT, WITHOUT ROWID";

#[derive(Debug, Clone)]
pub(crate) struct Kv(Store);

fn now_seconds() -> i64 {
    now_milliseconds() / 1000
}

impl Kv {
    pub(super) fn open(path: Option<&Path>) -> rusqlite::Result<Self> {
        Store::open(path, SCHEMA).map(Self)
    }

    pub(crate) fn in_memory() -> Result<Self, Failure> {
        Ok(Self::open(None)?)
    }

    pub(crate) async fn get(
        &self,
        name: &str,
        _: Option<Duration>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        self.0.with(|connection| {
            connection
                .prepare_cached("SELECT value FROM entries WHERE key = ?1 AND (expiration IS NULL OR expiration > ?2)")?
                .query_row(params![name, now_seconds()], |row| row.get(0))
                .optional()
        })
    }

    pub(crate) async fn put(
        &self,
        name: &str,
        value: &[u8],
        ttl: Option<Duration>,
        metadata: Option<&str>,
    ) -> Result<(), Failure> {
        let expiration = ttl.map(|ttl| now_seconds().saturating_add_unsigned(ttl.as_secs()));
        self.0.with(|connection| {
            connection
                .prepare_cached("INSERT OR REPLACE INTO entries (key, value, metadata, expiration) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![name, value, metadata, expiration])
                .map(drop)
        })
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<(), Failure> {
        self.0.with(|connection| {
            connection
                .prepare_cached("DELETE FROM entries WHERE key = ?1")?
                .execute([name])
                .map(drop)
        })
    }

    pub(crate) async fn list(&self, options: &ListOptions, limit: u32) -> Result<List, Failure> {
        let prefix = options.prefix.as_deref().unwrap_or_default();
        // The cursor is the last key of the part before.
        let after = options.cursor.as_deref();
        let mut keys = self.0.with(|connection| {
            connection.execute(
                "DELETE FROM entries WHERE expiration <= ?1",
                [now_seconds()],
            )?;
            let mut statement = connection.prepare_cached(
                "SELECT key, expiration, metadata FROM entries
                 WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 AND (?2 IS NULL OR key > ?2)
                 ORDER BY key LIMIT ?3",
            )?;
            let rows =
                statement.query_map(params![prefix, after, i64::from(limit) + 1], |row| {
                    let metadata: Option<String> = row.get(2)?;
                    Ok(ListedKey {
                        name: row.get(0)?,
                        expiration: row
                            .get::<_, Option<i64>>(1)?
                            .and_then(|seconds| u64::try_from(seconds).ok()),
                        metadata: metadata.and_then(|text| serde_json::from_str(&text).ok()),
                    })
                })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let more = keys.len() > limit as usize;
        keys.truncate(limit as usize);
        let cursor = if more {
            keys.last().map(|key| key.name.clone())
        } else {
            None
        };
        Ok(List { keys, cursor })
    }
}
