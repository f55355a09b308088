//! Files: the metadata is in D1 and cached in KV, and the content is in R2.
//!
//! No transaction spans D1 and R2, and the worker can stop between any two calls. So every object
//! has a row from before it is stored until after it is deleted, and the state of the row says what
//! remains to be done:
//!
//! | state | the content | next |
//! | --- | --- | --- |
//! | `pending` | may be stored | [`upload`] makes it `stored`, or [`sweep`] gives it up |
//! | `stored` | is stored | [`delete`] makes it `deleted` |
//! | `deleted` | may be stored | [`sweep`] deletes the object, the cached metadata and then the row |
//!
//! Users see `stored` files only. [`sweep`] gives up an upload after an hour. It can stop at any
//! point and run twice. It runs after every batch of the queue, so a lost message does not leave an
//! object behind.

use axum::http::{HeaderMap, Method};
use bindery::Response;
use bindery::r2::{Content, PutOptions, ServeOptions};
use serde::{Deserialize, Serialize};

use crate::Env;
use crate::bindings::db;
use crate::error::AppError;
use crate::form::NewFile;
use crate::jobs::Job;

/// The maximum number of files in one sweep. Each of them is a call to KV, of which a request to a
/// worker can make 1000.
const SWEEP_LIMIT: i64 = 500;

/// The metadata of a file, as clients see it and as it is cached in KV.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, bindery::Row)]
#[row(from = db::FileById)]
pub struct FileMeta {
    /// The id of the file.
    pub id: i64,
    /// The name of the uploaded file.
    pub filename: String,
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

/// Adds a row to D1, streams the content to R2, and sends a message to the queue.
///
/// # Errors
/// `TooLarge` if the content is larger than `MAX_FILE_SIZE` bytes. `BadRequest` if the content ends
/// early or takes longer than an hour. Then nothing is stored.
pub async fn upload(
    env: &Env,
    user: &str,
    file: &NewFile,
    content: Content<'_>,
) -> Result<db::FinishUpload, AppError> {
    let NewFile {
        filename,
        content_type,
    } = file;
    // The random part makes the key unique, also for two uploads of the same name.
    let key = format!("{user}/{}/{filename}", bindery::random::id()?);
    let begun = env.db.begin_upload(db::BeginUploadParams {
        user_id: user,
        filename,
        object_key: &key,
        content_type,
    });
    let id = begun.await?.id;

    let size = store(env, &key, content_type, content).await?;
    let Some(row) = env.db.finish_upload(size, id).await? else {
        // The sweep came before the object, and does not look for it again.
        env.storage.delete(&key).await?;
        return Err(AppError::BadRequest("the upload took too long"));
    };

    let user = user.to_owned();
    env.queue.send(&Job::Process { id, user }).await?;
    Ok(row)
}

/// Streams content to R2 and returns its size.
async fn store(
    env: &Env,
    key: &str,
    content_type: &str,
    content: Content<'_>,
) -> Result<i64, AppError> {
    let max_bytes = env.vars.max_file_size;
    let options = PutOptions::default()
        .content_type(content_type)
        .max_bytes(max_bytes);
    let stored = env.storage.put_with(key, content, options).await;
    let stored = stored.map_err(|error| match error.kind() {
        bindery::ErrorKind::TooLarge => AppError::TooLarge(max_bytes),
        bindery::ErrorKind::InvalidArgument => AppError::BadRequest("the upload ended early"),
        _ => AppError::Binding(error),
    })?;
    Ok(i64::try_from(stored.size).unwrap_or(i64::MAX))
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

/// Responds with the content of a file, or with the part of it that the headers of the request
/// select.
///
/// It does not use the cache: on Workers an entry of KV can outlive its deletion for a minute, and
/// the content of a deleted file must not.
///
/// # Errors
/// `NotFound` if the file does not exist or belongs to another user.
pub async fn download(
    env: &Env,
    user: &str,
    id: i64,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, AppError> {
    let file = env.db.content_of_file(id, user).await?;
    let file = file.ok_or(AppError::NotFound)?;
    // A browser saves the file and never shows it as a part of this site.
    let options = ServeOptions::default()
        .content_type(file.content_type)
        .attachment(&file.filename)
        .cache_control("private, no-cache");
    let response = env
        .storage
        .serve(&file.object_key, method, headers, options);
    response.await?.ok_or(AppError::NotFound)
}

/// Deletes a file: users no longer see it, and a job deletes its content.
///
/// # Errors
/// `NotFound` if the file does not exist or belongs to another user.
pub async fn delete(env: &Env, user: &str, id: i64) -> Result<(), AppError> {
    if env.db.delete_file(id, user).await?.rows == 0 {
        return Err(AppError::NotFound);
    }
    env.cache.delete(&FileKey { user, id }).await?;
    env.queue.send(&Job::Sweep).await?;
    Ok(())
}

/// Deletes the objects and the cached metadata of deleted files and of unfinished uploads, and then
/// their rows.
///
/// [`delete`] may have stopped before it deleted the cached metadata.
///
/// # Errors
/// Any error of D1, R2, KV or the queue. The next sweep continues.
pub async fn sweep(env: &Env) -> bindery::Result<()> {
    env.db.give_up_uploads().await?;
    let files = env.db.deleted_files(SWEEP_LIMIT).await?;
    if files.is_empty() {
        return Ok(());
    }

    for file in &files {
        let (user, id) = (&*file.user_id, file.id);
        env.cache.delete(&FileKey { user, id }).await?;
    }
    let has_more = files.len() as i64 == SWEEP_LIMIT;
    let files = files.into_iter().map(|file| (file.id, file.object_key));
    let (ids, keys): (Vec<i64>, Vec<String>) = files.unzip();
    env.storage.delete_many(&keys).await?;
    env.db.forget_files(&ids).await?;

    if has_more {
        env.queue.send(&Job::Sweep).await?;
    }
    Ok(())
}
