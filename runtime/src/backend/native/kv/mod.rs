//! KV in SQLite.

mod stale;

use std::path::Path;
use std::time::Duration;

use bindery_sqlite::rusqlite::{self, Connection, OptionalExtension, Row, params};

use crate::bindings::content::Upload;
use crate::error::Failure;
use crate::http::Body;
use crate::kv::{Expiration, Listing, Stored, StoredKey, seconds_of};
use crate::resilience::Faults;

use self::stale::Stale;
use super::clock::now_milliseconds;
use super::store::{KeyRange, Store};

/// The versions of the tables.
const SCHEMA: [&str; 2] = [ENTRIES, EXPIRATIONS];

const ENTRIES: &str = "CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL,
    metadata TEXT,
    -- Seconds since the Unix epoch; NULL if the value does not expire.
    expiration INTEGER
) STRICT, WITHOUT ROWID";

const EXPIRATIONS: &str = "CREATE INDEX entries_by_expiration ON entries (expiration)
    WHERE expiration IS NOT NULL";

#[derive(Debug, Clone)]
pub(crate) struct Kv {
    store: Store,
    stale: Stale,
}

impl Kv {
    pub(super) fn open(
        path: Option<&Path>,
        binding: &'static str,
        faults: Faults,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            store: Store::open(path, &SCHEMA)?,
            stale: Stale::new(binding, faults),
        })
    }

    pub(crate) fn in_memory() -> Result<Self, Failure> {
        Ok(Self::open(None, "", Faults::default())?)
    }

    pub(crate) async fn get(
        &self,
        name: &str,
        cache_ttl: Option<Duration>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let stored = self.get_with_metadata(name, cache_ttl).await?;
        Ok(stored.map(|stored| stored.value))
    }

    pub(crate) async fn get_with_metadata(
        &self,
        name: &str,
        _: Option<Duration>,
    ) -> Result<Option<Stored>, Failure> {
        if let Some(stale) = self.stale.read(name) {
            return Ok(stale);
        }
        self.current(name).await
    }

    async fn current(&self, name: &str) -> Result<Option<Stored>, Failure> {
        let (name, now) = (name.to_owned(), now_seconds());
        let read = move |connection: &Connection| stored(connection, &name, now);
        self.store.read(read).await
    }

    pub(crate) async fn get_many(
        &self,
        names: &[String],
        _: Option<Duration>,
    ) -> Result<Vec<Option<Stored>>, Failure> {
        let (names, now) = (names.to_vec(), now_seconds());
        let stale = self.stale.clone();
        let read = move |connection: &Connection| {
            let found = names.iter().map(|name| match stale.read(name) {
                Some(stale) => Ok(stale),
                None => stored(connection, name, now),
            });
            found.collect()
        };
        self.store.read(read).await
    }

    pub(crate) async fn get_body(
        &self,
        name: &str,
        cache_ttl: Option<Duration>,
    ) -> Result<Option<Body>, Failure> {
        Ok(self.get(name, cache_ttl).await?.map(Body::from))
    }

    pub(crate) async fn put(
        &self,
        name: &str,
        value: &[u8],
        expiration: Expiration,
        metadata: Option<&str>,
    ) -> Result<(), Failure> {
        self.store(name, value.to_owned(), expiration, metadata)
            .await
    }

    pub(crate) async fn put_body(
        &self,
        name: &str,
        mut upload: Upload<'_>,
        expiration: Expiration,
        metadata: Option<&str>,
    ) -> Result<u64, Failure> {
        let mut value = Vec::new();
        while let Some(chunk) = upload.chunk().await? {
            value.extend_from_slice(&chunk);
        }
        let length = value.len() as u64;
        self.store(name, value, expiration, metadata).await?;
        Ok(length)
    }

    async fn store(
        &self,
        name: &str,
        value: Vec<u8>,
        expiration: Expiration,
        metadata: Option<&str>,
    ) -> Result<(), Failure> {
        let now = now_seconds();
        let expiration = match expiration {
            Expiration::Never => None,
            Expiration::After(ttl) => Some(now.saturating_add_unsigned(ttl.as_secs())),
            Expiration::At(time) => Some(i64::try_from(seconds_of(time)).unwrap_or(i64::MAX)),
        };
        let sql = "INSERT OR REPLACE INTO entries (key, value, metadata, expiration)
             VALUES (?1, ?2, ?3, ?4)";
        let metadata = metadata.map(str::to_owned);
        let write = move |connection: &Connection, name: &str| {
            let mut statement = connection.prepare_cached(sql)?;
            statement.execute(params![name, value, metadata, expiration])?;
            delete_expired(connection, now)
        };
        self.change(name, write).await
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<(), Failure> {
        let write = |connection: &Connection, name: &str| {
            let sql = "DELETE FROM entries WHERE key = ?1";
            connection.prepare_cached(sql)?.execute([name]).map(drop)
        };
        self.change(name, write).await
    }

    /// Changes the value of a key, and remembers the one before if reads have to return it.
    async fn change(
        &self,
        name: &str,
        write: impl FnOnce(&Connection, &str) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<(), Failure> {
        let (owned, stale, now) = (name.to_owned(), self.stale.clone(), now_seconds());
        let write = move |connection: &Connection| {
            let before = match stale.is_active() {
                true => Some(stored(connection, &owned, now)?),
                false => None,
            };
            write(connection, &owned)?;
            Ok(before)
        };
        if let Some(before) = self.store.write(write).await? {
            self.stale.add(name, before);
        }
        Ok(())
    }

    pub(crate) async fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Listing, Failure> {
        let range = KeyRange::new(Some(prefix), cursor);
        let now = now_seconds();
        let sql = "SELECT key, expiration, metadata FROM entries
             WHERE key >= ?1 AND key > ?2 AND key < ?3 AND (expiration IS NULL OR expiration > ?4)
             ORDER BY key LIMIT ?5";
        let read = move |connection: &Connection| {
            let KeyRange { start, after, end } = &range;
            let mut statement = connection.prepare_cached(sql)?;
            // One more key shows whether there is another page.
            let parameters = params![start, after, end, now, i64::from(limit) + 1];
            let rows = statement.query_map(parameters, listed_key)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let mut keys = self.store.read(read).await?;

        let has_more = keys.len() > limit as usize;
        keys.truncate(limit as usize);
        let last = keys.last().filter(|_| has_more);
        let cursor = last.map(|key| key.name.clone());
        Ok(Listing { keys, cursor })
    }
}

/// Deletes a few of the values that have expired. Each put deletes more of them than it adds.
fn delete_expired(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM entries WHERE key IN
         (SELECT key FROM entries WHERE expiration <= ?1 LIMIT 8)";
    connection.prepare_cached(sql)?.execute([now]).map(drop)
}

/// Reads a row of key, expiration and metadata.
fn listed_key(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    let expiration: Option<i64> = row.get(1)?;
    Ok(StoredKey {
        name: row.get(0)?,
        expiration: expiration.and_then(|seconds| u64::try_from(seconds).ok()),
        metadata: row.get(2)?,
    })
}

/// Reads an entry that has not expired.
fn stored(connection: &Connection, name: &str, now: i64) -> rusqlite::Result<Option<Stored>> {
    let sql = "SELECT value, metadata FROM entries
         WHERE key = ?1 AND (expiration IS NULL OR expiration > ?2)";
    let mut statement = connection.prepare_cached(sql)?;
    let entry = |row: &Row<'_>| {
        let (value, metadata) = (row.get(0)?, row.get(1)?);
        Ok(Stored { value, metadata })
    };
    statement.query_row(params![name, now], entry).optional()
}

fn now_seconds() -> i64 {
    now_milliseconds() / 1000
}
