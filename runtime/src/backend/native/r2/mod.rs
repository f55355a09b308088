//! R2 as files, with an index in SQLite.
//!
//! A put writes a new file into `uploads`, then updates the index, then moves the file to
//! `objects`, and then deletes the old file. The update of the index decides: a reader sees the old
//! object or the new one, and the next start completes the move or deletes the upload.
//!
//! The index also lists the files of replaced and deleted objects until they are deleted. No other
//! file in `objects` is ever deleted, so a lost or old index does not cost an object.

mod contents;

use std::path::Path;
use std::sync::{Arc, Mutex};

use bindery_sqlite::rusqlite::{self, Connection, OptionalExtension, Row, params};
use md5::{Digest, Md5};

use crate::error::{ErrorKind, Failure};
use crate::http::Body;
use crate::r2::{List, ListOptions, ObjectInfo, PutOptions, Upload};

use super::bindings::Opened;
use super::clock::{at_milliseconds, now_milliseconds};
use super::pool::lock;
use super::run_to_end;
use super::store::{KeyRange, Store};

use contents::Contents;

/// The versions of the tables.
const SCHEMA: [&str; 2] = [OBJECTS, GARBAGE];

const OBJECTS: &str = "CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY NOT NULL,
    file TEXT NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    -- Milliseconds since the Unix epoch.
    uploaded INTEGER NOT NULL,
    content_type TEXT,
    content_disposition TEXT,
    custom_metadata TEXT NOT NULL
) STRICT, WITHOUT ROWID";

/// The files of objects that were replaced or deleted.
const GARBAGE: &str = "CREATE TABLE garbage (file TEXT PRIMARY KEY NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX objects_by_file ON objects (file)";

/// The columns in the order of [`info`], and the file.
const COLUMNS: &str =
    "key, size, etag, uploaded, content_type, content_disposition, custom_metadata, file";

#[derive(Debug, Clone)]
pub(crate) struct R2 {
    index: Store,
    contents: Contents,
    /// The files in the table `garbage` that have been deleted.
    removed: Arc<Mutex<Vec<String>>>,
}

impl R2 {
    /// Opens a bucket in a folder, or in memory.
    pub(super) fn open(folder: Option<&Path>) -> Opened<Self> {
        let Some(folder) = folder else {
            return Ok(Self {
                index: Store::open(None, &SCHEMA)?,
                contents: Contents::Memory(Arc::default()),
                removed: Arc::default(),
            });
        };

        let contents = Contents::open(folder)?;
        let index = folder.join("index.sqlite");
        if contents.has_objects()? && !has_table(&index)? {
            let message = format!(
                "its index `{}` is missing or empty, although the bucket has objects; restore it \
                 from a backup, or move the folder `{}` away to start with an empty bucket",
                index.display(),
                folder.display()
            );
            return Err(message.into());
        }

        let bucket = Self {
            index: Store::open(Some(&index), &SCHEMA)?,
            contents,
            removed: Arc::default(),
        };
        bucket.recover(&index)?;
        Ok(bucket)
    }

    /// Completes what the end of the previous process interrupted.
    fn recover(&self, index: &Path) -> Opened<()> {
        let index = Connection::open(index)?;
        for file in self.contents.uploads()? {
            let sql = "SELECT EXISTS (SELECT 1 FROM objects WHERE file = ?1)";
            if index.query_row(sql, [&file], |row| row.get(0))? {
                self.contents.publish_now(&file)?;
            } else {
                self.contents.discard_now(&file)?;
            }
        }

        let mut garbage = index.prepare("SELECT file FROM garbage")?;
        let garbage = garbage.query_map([], |row| row.get::<_, String>(0))?;
        for file in garbage {
            let file = file?;
            self.contents.remove_now(&file)?;
            lock(&self.removed).push(file);
        }
        Ok(())
    }

    pub(crate) async fn put(
        &self,
        key: &str,
        mut upload: Upload<'_>,
        options: &PutOptions,
    ) -> Result<ObjectInfo, Failure> {
        let mut incoming = self.contents.create(key).await?;
        let mut hash = Md5::new();
        let mut size = 0_u64;
        while let Some(chunk) = upload.chunk().await? {
            hash.update(&chunk);
            size += chunk.len() as u64;
            incoming.write(&chunk).await?;
        }
        incoming.sync().await?;

        let uploaded = now_milliseconds();
        let hash = hash.finalize();
        let info = ObjectInfo {
            key: key.to_owned(),
            size,
            etag: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            uploaded: at_milliseconds(uploaded),
            content_type: options.content_type.clone(),
            content_disposition: options.content_disposition.clone(),
            custom_metadata: options.custom_metadata.clone(),
        };

        // The caller may stop waiting while the index is updated. From here on, only the index
        // decides about the file.
        let (bucket, object) = (self.clone(), info.clone());
        let file = incoming.keep();
        run_to_end(async move { bucket.publish(object, uploaded, file).await }).await?;
        Ok(info)
    }

    /// Updates the index with an upload, and moves its file to the objects.
    async fn publish(&self, info: ObjectInfo, uploaded: i64, file: String) -> Result<(), Failure> {
        let replaced = match self.index_object(info, uploaded, file.clone()).await {
            Ok(replaced) => replaced,
            Err(failure) => {
                // If the process is shutting down, the index may have been updated.
                if failure.kind != ErrorKind::Unavailable {
                    self.contents.discard(&file).await;
                }
                return Err(failure);
            }
        };
        self.contents.publish(&file).await?;
        self.remove(replaced).await
    }

    /// Adds an object to the index, and returns the file of the object that it replaces.
    async fn index_object(
        &self,
        info: ObjectInfo,
        uploaded: i64,
        file: String,
    ) -> Result<Option<String>, Failure> {
        let size = i64::try_from(info.size).unwrap_or(i64::MAX);
        let metadata = serde_json::to_string(&info.custom_metadata).unwrap_or_default();
        let removed = std::mem::take(&mut *lock(&self.removed));
        let write = move |connection: &Connection| {
            forget_removed(connection, &removed)?;
            let replaced = add_garbage(connection, &info.key)?;

            let insert = format!(
                "INSERT OR REPLACE INTO objects ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
            );
            connection.prepare_cached(&insert)?.execute(params![
                info.key,
                size,
                info.etag,
                uploaded,
                info.content_type,
                info.content_disposition,
                metadata,
                file
            ])?;
            Ok(replaced)
        };
        self.index.write(write).await
    }

    /// Deletes files that the index lists as garbage.
    async fn remove(&self, files: impl IntoIterator<Item = String>) -> Result<(), Failure> {
        for file in files {
            // The next start deletes the file if it cannot be deleted now.
            if self.contents.remove(&file).await.is_ok() {
                lock(&self.removed).push(file);
            }
        }
        Ok(())
    }

    /// Returns the properties of an object, and its file.
    async fn find(&self, key: &str) -> Result<Option<(ObjectInfo, String)>, Failure> {
        let key = key.to_owned();
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {COLUMNS} FROM objects WHERE key = ?1");
            let mut statement = connection.prepare_cached(&sql)?;
            let found = statement.query_row([&key], |row| Ok((info(row)?, row.get(7)?)));
            found.optional()
        };
        self.index.read(read).await
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<(ObjectInfo, Body)>, Failure> {
        // Another put can replace the file after its name was read from the index. Then the index
        // contains the new file.
        for _ in 0..8 {
            let Some((info, file)) = self.find(key).await? else {
                return Ok(None);
            };
            if let Some(body) = self.contents.read(&file).await? {
                return Ok(Some((info, body)));
            }
        }

        let message = format!("the content of `{key}` is missing from the local state");
        Err(Failure::new(ErrorKind::Internal, message))
    }

    pub(crate) async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Failure> {
        Ok(self.find(key).await?.map(|(info, _)| info))
    }

    pub(crate) async fn delete(&self, keys: &[&str]) -> Result<(), Failure> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let removed = std::mem::take(&mut *lock(&self.removed));
        let write = move |connection: &Connection| {
            forget_removed(connection, &removed)?;

            let mut files = Vec::new();
            for key in &keys {
                files.extend(add_garbage(connection, key)?);
                let delete = "DELETE FROM objects WHERE key = ?1";
                connection.prepare_cached(delete)?.execute([key])?;
            }
            Ok(files)
        };
        let bucket = self.clone();
        run_to_end(async move {
            let files = bucket.index.write(write).await?;
            bucket.remove(files).await
        })
        .await
    }

    pub(crate) async fn list(&self, options: &ListOptions, limit: u32) -> Result<List, Failure> {
        // A cursor is the last key of the previous page.
        let range = KeyRange::new(options.prefix.as_deref(), options.cursor.as_deref());
        let read = move |connection: &Connection| {
            let KeyRange { start, after, end } = &range;
            let sql = format!(
                "SELECT {COLUMNS} FROM objects WHERE key >= ?1 AND key > ?2 AND key < ?3
                 ORDER BY key LIMIT ?4"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            // One more object shows whether there is another page.
            let parameters = params![start, after, end, i64::from(limit) + 1];
            let rows = statement.query_map(parameters, info)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let mut objects = self.index.read(read).await?;

        let has_more = objects.len() > limit as usize;
        objects.truncate(limit as usize);
        let last = objects.last().filter(|_| has_more);
        let cursor = last.map(|object| object.key.clone());
        Ok(List { objects, cursor })
    }
}

/// Whether an index has its table. Does not create the file.
fn has_table(index: &Path) -> Opened<bool> {
    if !index.exists() {
        return Ok(false);
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'objects')";
    Ok(Connection::open(index)?.query_row(sql, [], |row| row.get(0))?)
}

/// Lists the file of an object as garbage, and returns it.
fn add_garbage(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let insert = "INSERT OR REPLACE INTO garbage SELECT file FROM objects WHERE key = ?1
         RETURNING file";
    let mut insert = connection.prepare_cached(insert)?;
    insert.query_row([key], |row| row.get(0)).optional()
}

/// Removes files that have been deleted from the list of garbage.
fn forget_removed(connection: &Connection, files: &[String]) -> rusqlite::Result<()> {
    for file in files {
        let delete = "DELETE FROM garbage WHERE file = ?1";
        connection.prepare_cached(delete)?.execute([file])?;
    }
    Ok(())
}

/// Reads a row of the index.
fn info(row: &Row<'_>) -> rusqlite::Result<ObjectInfo> {
    let metadata: String = row.get(6)?;
    Ok(ObjectInfo {
        key: row.get(0)?,
        size: row.get::<_, i64>(1)?.unsigned_abs(),
        etag: row.get(2)?,
        uploaded: at_milliseconds(row.get(3)?),
        content_type: row.get(4)?,
        content_disposition: row.get(5)?,
        custom_metadata: serde_json::from_str(&metadata).unwrap_or_default(),
    })
}
