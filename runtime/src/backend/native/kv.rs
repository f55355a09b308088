//! KV in SQLite.

use std::path::Path;
use std::time::Duration;

use bindery_sqlite::rusqlite::{self, Connection, OptionalExtension, Row, params};

use crate::error::Failure;
use crate::kv::{List, ListOptions, ListedKey};

use super::clock::now_milliseconds;
use super::store::Store;

/// The table of the entries.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL,
    metadata TEXT,
    -- Seconds since the Unix epoch; NULL if the value does not expire.
    expiration INTEGER
) STRICT, WITHOUT ROWID";

#[derive(Debug, Clone)]
pub(crate) struct Kv(Store);

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
        let sql = "SELECT value FROM entries
             WHERE key = ?1 AND (expiration IS NULL OR expiration > ?2)";
        self.0.with(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let value = statement.query_row(params![name, now_seconds()], |row| row.get(0));
            value.optional()
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
        let sql = "INSERT OR REPLACE INTO entries (key, value, metadata, expiration)
             VALUES (?1, ?2, ?3, ?4)";
        self.0.with(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            statement.execute(params![name, value, metadata, expiration])?;
            Ok(())
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
        // A cursor is the last key of the previous page.
        let after = options.cursor.as_deref();
        let sql = "SELECT key, expiration, metadata FROM entries
             WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 AND (?2 IS NULL OR key > ?2)
             ORDER BY key LIMIT ?3";
        let mut keys = self.0.with(|connection| {
            delete_expired(connection)?;
            let mut statement = connection.prepare_cached(sql)?;
            // One more key shows whether there is another page.
            let parameters = params![prefix, after, i64::from(limit) + 1];
            let rows = statement.query_map(parameters, listed_key)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;

        let has_more = keys.len() > limit as usize;
        keys.truncate(limit as usize);
        let last = keys.last().filter(|_| has_more);
        let cursor = last.map(|key| key.name.clone());
        Ok(List { keys, cursor })
    }
}

fn delete_expired(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "DELETE FROM entries WHERE expiration <= ?1";
    connection.execute(sql, [now_seconds()]).map(drop)
}

/// Reads a row of key, expiration and metadata.
fn listed_key(row: &Row<'_>) -> rusqlite::Result<ListedKey> {
    let expiration: Option<i64> = row.get(1)?;
    let metadata: Option<String> = row.get(2)?;
    Ok(ListedKey {
        name: row.get(0)?,
        expiration: expiration.and_then(|seconds| u64::try_from(seconds).ok()),
        metadata: metadata.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

fn now_seconds() -> i64 {
    now_milliseconds() / 1000
}
