//! Files: the metadata is in D1 and cached in KV, and the content is in R2.

use bindery::r2::{Content, Object, PutOptions};
use serde::{Deserialize, Serialize};

use crate::Env;
use crate::bindings::db;
use crate::error::AppError;
use crate::form::NewFile;

/// The metadata of a file, as it is cached in KV.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, bindery::Row)]
#[row(from = db::FileById)]
pub struct FileMeta {
    /// The id of the file.
    pub id: i64,
    /// The name of the uploaded file.
    pub filename: String,
    /// The key of the content in the bucket. Clients do not see it.
    #[serde(rename = "key")]
    pub object_key: String,
    /// The media type.
    pub content_type: String,
    /// The size in bytes.
    pub size_bytes: i64,
    /// The time of the upload, as `YYYY-MM-DD HH:MM:SS` in UTC.
    pub uploaded_at: String,
    /// Whether the handler of the queue has processed the file.
    pub processed: bool,
    /// The time of the processing.
    pub processed_at: Option<String>,
}

/// The key of a file's metadata in KV.
///
/// The user is part of the key, so that no user can read the cached metadata of another user.
#[derive(Debug, bindery::KvKey)]
#[kv(binding = CACHE, key = "file:{user}:{id}", ttl = "1h", value = FileMeta)]
pub struct FileKey<'a> {
    /// The owner of the file.
    pub user: &'a str,
    /// The id of the file.
    pub id: i64,
}

/// The message that is sent after an upload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Uploaded {
    /// The id of the file.
    pub id: i64,
    /// The owner of the file.
    pub user: String,
}

/// Streams an upload to R2, adds its row to D1, and sends a message to the queue.
///
/// # Errors
/// `TooLarge` if the content is larger than `MAX_FILE_SIZE` bytes. Then nothing is stored.
pub async fn upload(
    env: &Env,
    user: &str,
    file: &NewFile,
    content: Content<'_>,
) -> Result<db::AddFile, AppError> {
    let NewFile {
        filename,
        content_type,
    } = file;
    let max_bytes = env.vars.max_file_size;
    // The random part makes the key unique, also for two uploads of the same name.
    let key = format!("{user}/{}/{filename}", bindery::random_id()?);
    let options = PutOptions::default()
        .content_type(content_type)
        .max_bytes(max_bytes);
    let stored = env.storage.put_with(&key, content, options).await;
    let stored = stored.map_err(|error| match error.kind() {
        bindery::ErrorKind::TooLarge => AppError::TooLarge(max_bytes),
        bindery::ErrorKind::InvalidArgument => AppError::BadRequest("the upload ended early"),
        _ => AppError::Binding(error),
    })?;

    let size = i64::try_from(stored.size).unwrap_or(i64::MAX);
    let added = env.db.add_file(user, filename, &key, content_type, size);
    let row = match added.await {
        Ok(row) => row,
        Err(error) => {
            // Without the row, the object could not be found again.
            env.storage.delete(&[&key]).await?;
            return Err(error.into());
        }
    };

    let message = Uploaded {
        id: row.id,
        user: user.to_owned(),
    };
    env.queue.send(&message).await?;
    Ok(row)
}

/// Returns the metadata of a file, from KV or otherwise from D1.
///
/// # Errors
/// `NotFound` if the file does not exist or belongs to another user.
pub async fn find(env: &Env, user: &str, id: i64) -> Result<FileMeta, AppError> {
    let key = FileKey { user, id };
    let found = env.cache.read_through(&key, async || {
        Ok::<_, AppError>(env.db.file_by_id(id, user).await?.map(FileMeta::from))
    });
    found.await?.ok_or(AppError::NotFound)
}

/// Returns the metadata and the content of a file.
///
/// # Errors
/// `NotFound` if the file does not exist or belongs to another user.
pub async fn open(env: &Env, user: &str, id: i64) -> Result<(FileMeta, Object), AppError> {
    let meta = find(env, user, id).await?;
    let object = env.storage.get(&meta.object_key).await?;
    Ok((meta, object.ok_or(AppError::NotFound)?))
}

/// Deletes a file. The row is deleted first, so that a file without content is never listed.
///
/// # Errors
/// `NotFound` if the file does not exist or belongs to another user.
pub async fn delete(env: &Env, user: &str, id: i64) -> Result<(), AppError> {
    let deleted = env.db.delete_file(id, user).await?;
    let deleted = deleted.ok_or(AppError::NotFound)?;
    env.cache.delete(&FileKey { user, id }).await?;
    env.storage.delete(&[deleted.object_key]).await?;
    Ok(())
}
