//! Multipart uploads: their parts are files in `uploads` that the index lists.

use bindery_sqlite::rusqlite::types::Value;
use bindery_sqlite::rusqlite::{self, Connection, OptionalExtension, params, params_from_iter};
use md5::{Digest, Md5};

use super::R2;
use super::index::{self, METADATA, Stored};
use crate::backend::native::clock::{at_milliseconds, now_milliseconds};
use crate::backend::native::run_to_end;
use crate::error::{Error, ErrorKind, Failure};
use crate::limits::r2::MIN_PART_BYTES;
use crate::r2::{Checksums, ObjectInfo, PutRequest, Upload, UploadedPart};
use crate::random;

/// The time after which the platform aborts an upload, in milliseconds.
const MAX_AGE: i64 = 7 * 24 * 3600 * 1000;

/// A part in the index.
struct Part {
    number: u16,
    file: String,
    size: u64,
    etag: String,
    md5: Vec<u8>,
}

impl R2 {
    pub(crate) async fn create_multipart(
        &self,
        key: &str,
        request: &PutRequest,
    ) -> Result<String, Failure> {
        let id = random::id().map_err(Error::into_failure)?;
        let mut values: Vec<Value> = vec![
            id.clone().into(),
            key.to_owned().into(),
            now_milliseconds().into(),
        ];
        let (http, custom) = (&request.http_metadata, &request.custom_metadata);
        let class = request.storage_class.unwrap_or_default();
        values.extend(index::metadata_values(http, custom, class));

        let write = move |connection: &Connection| {
            let places = vec!["?"; values.len()].join(", ");
            let sql =
                format!("INSERT INTO multipart (id, key, created, {METADATA}) VALUES ({places})");
            let mut insert = connection.prepare_cached(&sql)?;
            insert.execute(params_from_iter(values)).map(drop)
        };
        self.index.write(write).await?;
        Ok(id)
    }

    /// Returns the etag of the part and its bytes.
    pub(crate) async fn upload_part(
        &self,
        key: &str,
        id: &str,
        number: u16,
        mut upload: Upload<'_>,
    ) -> Result<(String, u64), Failure> {
        self.multipart(key, id).await?;
        let mut incoming = self.contents.create(key).await?;
        let (mut md5, mut size) = (Md5::new(), 0);
        while let Some(chunk) = upload.chunk().await? {
            md5.update(&chunk);
            size += chunk.len() as u64;
            incoming.write(&chunk).await?;
        }
        incoming.sync().await?;

        let part = Part {
            number,
            file: incoming.keep(),
            size,
            etag: random::id().map_err(Error::into_failure)?,
            md5: md5.finalize().to_vec(),
        };
        let etag = part.etag.clone();
        let (bucket, id) = (self.clone(), id.to_owned());
        run_to_end(async move { bucket.add_part(id, part).await }).await?;
        Ok((etag, size))
    }

    /// Adds a part to the index, and deletes the file of the part that it replaces.
    async fn add_part(&self, id: String, part: Part) -> Result<(), Failure> {
        let file = part.file.clone();
        let write = move |connection: &Connection| {
            if find(connection, &id)?.is_none() {
                return Ok(None);
            }
            let old = "SELECT file FROM parts WHERE upload = ?1 AND number = ?2";
            let old = connection.query_row(old, params![id, part.number], |row| row.get(0));
            let sql = "INSERT OR REPLACE INTO parts (upload, number, file, size, etag, md5)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let size = i64::try_from(part.size).unwrap_or(i64::MAX);
            let Part {
                number,
                file,
                etag,
                md5,
                ..
            } = part;
            let mut insert = connection.prepare_cached(sql)?;
            insert.execute(params![id, number, file, size, etag, md5])?;
            Ok(Some(old.optional()?))
        };

        let replaced: Option<Option<String>> = self.index.write(write).await?;
        match replaced {
            Some(old) => {
                if let Some(old) = old {
                    self.contents.discard(&old).await;
                }
                Ok(())
            }
            None => {
                self.contents.discard(&file).await;
                Err(no_upload())
            }
        }
    }

    pub(crate) async fn complete(
        &self,
        key: &str,
        id: &str,
        parts: &[UploadedPart],
    ) -> Result<ObjectInfo, Failure> {
        let (http_metadata, custom_metadata, storage_class) = self.multipart(key, id).await?;
        let upload = id.to_owned();
        let read = move |connection: &Connection| stored_parts(connection, &upload);
        let chosen = choose(self.index.read(read).await?, parts)?;

        let mut incoming = self.contents.create(key).await?;
        let (mut md5, mut size) = (Md5::new(), 0);
        for part in &chosen {
            md5.update(&part.md5);
            size += part.size;
            // Another call has completed or aborted the upload.
            let content = self.contents.read(&part.file, (0, part.size)).await?;
            let content = content.ok_or_else(no_upload)?;
            incoming.copy(content).await?;
        }
        incoming.sync().await?;

        let digest = index::hex(&md5.finalize());
        let info = ObjectInfo {
            key: key.to_owned(),
            version: random::id().map_err(Error::into_failure)?,
            size,
            etag: format!("{digest}-{}", chosen.len()),
            uploaded: at_milliseconds(now_milliseconds()),
            http_metadata,
            custom_metadata,
            checksums: Checksums::default(),
            storage_class,
        };
        let (bucket, object, id) = (self.clone(), info.clone(), id.to_owned());
        let file = incoming.keep();
        let published =
            run_to_end(async move { bucket.publish(object, file, None, Some(id)).await });
        if published.await? {
            Ok(info)
        } else {
            Err(no_upload())
        }
    }

    pub(crate) async fn abort(&self, _key: &str, id: &str) -> Result<(), Failure> {
        let id = id.to_owned();
        let write = move |connection: &Connection| delete(connection, &id);
        let bucket = self.clone();
        run_to_end(async move {
            let parts = bucket.index.write(write).await?;
            bucket.remove(parts.into_iter().flatten()).await;
            Ok(())
        })
        .await
    }

    /// Returns the metadata of an upload that is not complete.
    async fn multipart(&self, key: &str, id: &str) -> Result<Stored, Failure> {
        let (key, id) = (key.to_owned(), id.to_owned());
        let read = move |connection: &Connection| {
            let found = find(connection, &id)?;
            Ok(found.filter(|(found, _)| *found == key))
        };
        let found = self.index.read(read).await?;
        found.map(|(_, metadata)| metadata).ok_or_else(no_upload)
    }
}

fn no_upload() -> Failure {
    let message = "the multipart upload does not exist, or was completed or aborted";
    Failure::new(ErrorKind::NotFound, message)
}

/// The parts to complete an upload with. Checks what the platform checks.
fn choose(mut stored: Vec<Part>, parts: &[UploadedPart]) -> Result<Vec<Part>, Failure> {
    let invalid = |message: String| Failure::new(ErrorKind::InvalidArgument, message);
    let mut chosen = Vec::new();
    for UploadedPart { number, etag } in parts {
        let mut all = stored.iter();
        let index = all.position(|part| part.number == *number && part.etag == *etag);
        let Some(index) = index else {
            return Err(invalid(format!("the part {number} was not uploaded")));
        };
        chosen.push(stored.swap_remove(index));
    }

    let Some((last, others)) = chosen.split_last() else {
        return Ok(chosen);
    };
    let size = others.first().map_or(u64::MAX, |part| part.size);
    if size < MIN_PART_BYTES as u64 {
        let message = format!("a part that is not the last one has {size} bytes, less than 5 MiB");
        return Err(invalid(message));
    }
    if others.iter().any(|part| part.size != size) || last.size > size {
        let message = "all parts but the last must have the same size, and the last at most that";
        return Err(invalid(message.to_owned()));
    }
    Ok(chosen)
}

/// The key and the metadata of an upload.
fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<(String, Stored)>> {
    let sql = format!("SELECT key, {METADATA} FROM multipart WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_row([id], |row| Ok((row.get(0)?, index::metadata(row, 1)?)));
    found.optional()
}

fn stored_parts(connection: &Connection, id: &str) -> rusqlite::Result<Vec<Part>> {
    let sql = "SELECT number, file, size, etag, md5 FROM parts WHERE upload = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([id], |row| {
        Ok(Part {
            number: row.get(0)?,
            file: row.get(1)?,
            size: row.get::<_, i64>(2)?.unsigned_abs(),
            etag: row.get(3)?,
            md5: row.get(4)?,
        })
    })?;
    rows.collect()
}

/// Deletes an upload. Returns the files of its parts, which become garbage; `None` if it does not
/// exist.
pub(super) fn delete(connection: &Connection, id: &str) -> rusqlite::Result<Option<Vec<String>>> {
    let sql = "INSERT OR REPLACE INTO garbage SELECT file FROM parts WHERE upload = ?1
         RETURNING file";
    let mut garbage = connection.prepare_cached(sql)?;
    let files = garbage.query_map([id], |row| row.get(0))?;
    let files = files.collect::<rusqlite::Result<Vec<String>>>()?;

    let parts = "DELETE FROM parts WHERE upload = ?1";
    connection.prepare_cached(parts)?.execute([id])?;
    let upload = "DELETE FROM multipart WHERE id = ?1";
    let deleted = connection.prepare_cached(upload)?.execute([id])?;
    Ok((deleted > 0).then_some(files))
}

/// Deletes the uploads that the platform would have aborted.
pub(super) fn delete_old(connection: &Connection) -> rusqlite::Result<()> {
    let mut old = connection.prepare("SELECT id FROM multipart WHERE created < ?1")?;
    let old = old.query_map([now_milliseconds() - MAX_AGE], |row| row.get(0))?;
    for id in old.collect::<rusqlite::Result<Vec<String>>>()? {
        delete(connection, &id)?;
    }
    Ok(())
}
