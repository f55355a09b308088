//! R2 as files, with an index in SQLite.
//!
//! A put writes a new file into `uploads`, then updates the index, then moves the file to
//! `objects`, and then deletes the old file. The update of the index decides: a reader sees the old
//! object or the new one, and the next start completes the move or deletes the upload.
//!
//! The index also lists the files of replaced and deleted objects until they are deleted. No other
//! file in `objects` is ever deleted, so a lost or old index does not cost an object.

mod contents;
mod digest;
mod index;
mod list;
mod multipart;

use std::path::Path;
use std::sync::{Arc, Mutex};

use bindery_sqlite::rusqlite::Connection;

use crate::error::{Error, ErrorKind, Failure};
use crate::limits;
use crate::r2::{
    Condition, FoundObject, GetOptions, ListRequest, Listing, ObjectInfo, PutRequest, Upload,
};
use crate::random;

use super::bindings::Opened;
use super::clock::{at_milliseconds, now_milliseconds};
use super::pool::lock;
use super::run_to_end;
use super::store::Store;

use contents::Contents;
use digest::Digests;
use index::SCHEMA;
use list::Place;

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
        multipart::delete_old(&index)?;
        for file in self.contents.uploads()? {
            let is_listed = |table: &str| {
                let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE file = ?1)");
                index.query_row(&sql, [&file], |row| row.get(0))
            };
            if is_listed("objects")? {
                self.contents.publish_now(&file)?;
            } else if !is_listed("parts")? {
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

    /// Returns `None` if the condition is not met.
    pub(crate) async fn put(
        &self,
        key: &str,
        mut upload: Upload<'_>,
        request: &PutRequest,
    ) -> Result<Option<ObjectInfo>, Failure> {
        if let Some(reason) = request.needs_one_call() {
            upload.require_length(limits::r2::MIN_PART_BYTES, reason);
        }

        let mut incoming = self.contents.create(key).await?;
        let mut digests = Digests::new(request.checksum);
        let mut size = 0_u64;
        while let Some(chunk) = upload.chunk().await? {
            digests.update(&chunk);
            size += chunk.len() as u64;
            incoming.write(&chunk).await?;
        }
        let checksums = digests.finish()?;
        incoming.sync().await?;

        let info = ObjectInfo {
            key: key.to_owned(),
            version: random::id().map_err(Error::into_failure)?,
            size,
            etag: index::hex(checksums.md5.as_deref().unwrap_or_default()),
            uploaded: at_milliseconds(now_milliseconds()),
            http_metadata: request.http_metadata.clone(),
            custom_metadata: request.custom_metadata.clone(),
            checksums,
            storage_class: request.storage_class.unwrap_or_default(),
        };

        // The caller may stop waiting while the index is updated. From here on, only the index
        // decides about the file.
        let (bucket, object, condition) = (self.clone(), info.clone(), request.condition.clone());
        let file = incoming.keep();
        let publish = async move { bucket.publish(object, file, condition, None).await };
        Ok(run_to_end(publish).await?.then_some(info))
    }

    /// Updates the index with an upload, and moves its file to the objects. Returns whether the
    /// condition was met. `multipart` is the upload that this completes.
    async fn publish(
        &self,
        info: ObjectInfo,
        file: String,
        condition: Option<Condition>,
        multipart: Option<String>,
    ) -> Result<bool, Failure> {
        let indexed = self.index_object(info, file.clone(), condition, multipart);
        let replaced = match indexed.await {
            Ok(Some(replaced)) => replaced,
            Ok(None) => {
                self.contents.discard(&file).await;
                return Ok(false);
            }
            Err(failure) => {
                // If the process is shutting down, the index may have been updated.
                if failure.kind != ErrorKind::Unavailable {
                    self.contents.discard(&file).await;
                }
                return Err(failure);
            }
        };
        self.contents.publish(&file).await?;
        self.remove(replaced).await;
        Ok(true)
    }

    /// Adds an object to the index, and returns the files that it replaces; `None` if the condition
    /// is not met, or the multipart upload no longer exists.
    async fn index_object(
        &self,
        info: ObjectInfo,
        file: String,
        condition: Option<Condition>,
        multipart: Option<String>,
    ) -> Result<Option<Vec<String>>, Failure> {
        let removed = std::mem::take(&mut *lock(&self.removed));
        let write = move |connection: &Connection| {
            index::forget_removed(connection, &removed)?;
            let stored = index::find(connection, &info.key)?;
            let stored = stored
                .as_ref()
                .map(|(info, _)| (&*info.etag, info.uploaded));
            if condition.is_some_and(|condition| !condition.is_met(stored)) {
                return Ok(None);
            }

            let mut replaced = Vec::new();
            if let Some(id) = multipart {
                match multipart::delete(connection, &id)? {
                    Some(parts) => replaced = parts,
                    None => return Ok(None),
                }
            }
            replaced.extend(index::insert(connection, &info, &file)?);
            Ok(Some(replaced))
        };
        self.index.write(write).await
    }

    /// Deletes files that the index lists as garbage. The next start deletes those that cannot be
    /// deleted now.
    async fn remove(&self, files: impl IntoIterator<Item = String>) {
        for file in files {
            if self.contents.remove(&file).await.is_ok() {
                lock(&self.removed).push(file);
            }
        }
    }

    /// Returns the properties of an object, and its file.
    async fn find(&self, key: &str) -> Result<Option<(ObjectInfo, String)>, Failure> {
        let key = key.to_owned();
        let read = move |connection: &Connection| index::find(connection, &key);
        self.index.read(read).await
    }

    pub(crate) async fn get(
        &self,
        key: &str,
        options: &GetOptions,
    ) -> Result<Option<FoundObject>, Failure> {
        // Another put can replace the file after its name was read from the index. Then the index
        // contains the new file.
        for _ in 0..8 {
            let Some((info, file)) = self.find(key).await? else {
                return Ok(None);
            };
            let stored = Some((&*info.etag, info.uploaded));
            let condition = options.condition.as_ref();
            if condition.is_some_and(|condition| !condition.is_met(stored)) {
                return Ok(Some((info, None)));
            }

            let range = match options.range {
                None => (0, info.size),
                Some(range) => range.within(info.size).ok_or_else(|| {
                    let message = "the requested range is not satisfiable";
                    Failure::new(ErrorKind::InvalidArgument, message)
                })?,
            };
            if let Some(body) = self.contents.read(&file, range).await? {
                return Ok(Some((info, Some((body, range)))));
            }
        }

        let message = format!("the content of `{key}` is missing from the local state");
        Err(Failure::new(ErrorKind::Internal, message))
    }

    pub(crate) async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Failure> {
        Ok(self.find(key).await?.map(|(info, _)| info))
    }

    pub(crate) async fn copy(&self, from: &str, to: &str) -> Result<Option<ObjectInfo>, Failure> {
        let Some((info, Some((body, _)))) = self.get(from, &GetOptions::default()).await? else {
            return Ok(None);
        };
        let upload = Upload::new(body.into(), Some(limits::r2::PUT_BYTES))?;
        let request = PutRequest {
            http_metadata: info.http_metadata,
            custom_metadata: info.custom_metadata,
            storage_class: Some(info.storage_class),
            ..PutRequest::default()
        };
        self.put(to, upload, &request).await
    }

    pub(crate) async fn delete(&self, keys: &[String]) -> Result<(), Failure> {
        let keys = keys.to_vec();
        let removed = std::mem::take(&mut *lock(&self.removed));
        let write = move |connection: &Connection| {
            index::forget_removed(connection, &removed)?;

            let mut files = Vec::new();
            for key in &keys {
                files.extend(index::add_garbage(connection, key)?);
                let delete = "DELETE FROM objects WHERE key = ?1";
                connection.prepare_cached(delete)?.execute([key])?;
            }
            Ok(files)
        };
        let bucket = self.clone();
        run_to_end(async move {
            let files = bucket.index.write(write).await?;
            bucket.remove(files).await;
            Ok(())
        })
        .await
    }

    pub(crate) async fn list(&self, request: &ListRequest, limit: u32) -> Result<Listing, Failure> {
        let place = request.cursor.as_deref().map(Place::new).transpose()?;
        let request = request.clone();
        let read = move |connection: &Connection| {
            list::list(connection, &request, place.as_ref(), limit as usize)
        };
        self.index.read(read).await
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
