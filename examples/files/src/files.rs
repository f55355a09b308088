//! Files: a row in D1, a content in R2, and the metadata of those asked for often in KV.

use bindery::r2::{Content, Object, PutOptions};
use serde::{Deserialize, Serialize};

use crate::Env;
use crate::bindings::db;
use crate::error::AppError;

/// The metadata of a file, as KV keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, bindery::Row)]
#[row(from = db::FileById)]
pub struct FileMeta {
    /// Its number.
    pub id: i64,
    /// The name it was uploaded under.
    pub filename: String,
    /// Where its content is in the bucket; not for clients.
    #[serde(rename = "key")]
    pub object_key: String,
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub size_bytes: i64,
    /// When it was uploaded, as `YYYY-MM-DD HH:MM:SS` in UTC.
    pub uploaded_at: String,
    /// Whether the queue's consumer has seen it.
    pub processed: bool,
    /// When it did.
    pub processed_at: Option<String>,
}

/// Where a file's metadata is in KV. The user is part of the key: what one user may see, no other
/// finds under it.
#[derive(Debug, bindery::KvKey)]
#[kv(binding = CACHE, key = "file:{user}:{id}", ttl = "1h", value = FileMeta)]
pub struct FileKey<'a> {
    /// The owner.
    pub user: &'a str,
    /// The file's number.
    pub id: i64,
}

/// The message that says that a file was uploaded.
#[derive(Debug, Serialize, Deserialize)]
pub struct Uploaded {
    /// The file's number.
    pub id: i64,
    /// Its owner.
    pub user: String,
}

/// Stores an upload: its content in R2 as it comes, then its row, then a message for the consumer.
///
/// # Errors
/// `TooLarge` when there are more bytes than `MAX_FILE_SIZE`; then nothing is stored.
pub async fn upload(
    env: &Env,
    user: &str,
    filename: &str,
    content_type: &str,
    content: Content<'_>,
) -> Result<db::AddFile, AppError> {
    let most = max_file_size(env)?;
    // A key that no other upload has.
    let key = format!("{user}/{}/{filename}", bindery::random_id()?);
    let options = PutOptions::default()
        .content_type(content_type)
        .max_bytes(most);
    let stored = env
        .storage
        .put_with(&key, content, options)
        .await
        .map_err(|error| match error.kind() {
            bindery::ErrorKind::TooLarge => AppError::TooLarge(most),
            bindery::ErrorKind::InvalidArgument => AppError::BadRequest(error.message().to_owned()),
            _ => AppError::Binding(error),
        })?;
    let size = i64::try_from(stored.size).unwrap_or(i64::MAX);
    let row = match env
        .db
        .add_file(user, filename, &key, content_type, size)
        .await
    {
        Ok(row) => row,
        Err(error) => {
            // Without its row nobody would find the content again.
            env.storage.delete(&[&key]).await?;
            return Err(error.into());
        }
    };
    env.queue
        .send(&Uploaded {
            id: row.id,
            user: user.to_owned(),
        })
        .await?;
    Ok(row)
}

/// A file's metadata, from KV or else from D1.
///
/// # Errors
/// `NotFound` when there is none of that number, or it is another user's.
pub async fn find(env: &Env, user: &str, id: i64) -> Result<FileMeta, AppError> {
    let key = FileKey { user, id };
    let found = env.cache.read_through(&key, async || {
        Ok::<_, AppError>(env.db.file_by_id(id, user).await?.map(FileMeta::from))
    });
    found.await?.ok_or(AppError::NotFound)
}

/// A file's metadata and its content.
///
/// # Errors
/// `NotFound` when there is none of that number, or it is another user's.
pub async fn open(env: &Env, user: &str, id: i64) -> Result<(FileMeta, Object), AppError> {
    let meta = find(env, user, id).await?;
    let object = env
        .storage
        .get(&meta.object_key)
        .await?
        .ok_or(AppError::NotFound)?;
    Ok((meta, object))
}

/// Deletes a file everywhere: the row first, for then nobody finds it any more.
///
/// # Errors
/// `NotFound` when there is none of that number, or it is another user's.
pub async fn delete(env: &Env, user: &str, id: i64) -> Result<(), AppError> {
    let deleted = env
        .db
        .delete_file(id, user)
        .await?
        .ok_or(AppError::NotFound)?;
    env.cache.delete(&FileKey { user, id }).await?;
    env.storage.delete(&[deleted.object_key]).await?;
    Ok(())
}

/// `MAX_FILE_SIZE` is a string in the manifest.
fn max_file_size(env: &Env) -> Result<u64, AppError> {
    let text = &env.vars.max_file_size;
    text.parse().map_err(|_| {
        AppError::BadRequest(format!("MAX_FILE_SIZE is `{text}`, not a number of bytes"))
    })
}
