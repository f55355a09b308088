//! R2 as files, with an index in SQLite.
//!
//! A write creates a new file, then updates the index, and then deletes the old file. So a reader
//! sees the old object or the new one, and a crash only leaves a file that the index does not
//! contain. The next start deletes such files.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bindery_sqlite::rusqlite::{self, OptionalExtension, Row, params};
use bytes::Bytes;
use md5::{Digest, Md5};

use crate::error::{ErrorKind, Failure};
use crate::http::Body;
use crate::r2::{List, ListOptions, ObjectInfo, PutOptions, Upload};

use super::bindings::Opened;
use super::clock::{at_milliseconds, now_milliseconds};
use super::store::Store;

/// The table of the objects.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS objects (
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

/// The columns in the order of [`info`], and the file.
const COLUMNS: &str =
    "key, size, etag, uploaded, content_type, content_disposition, custom_metadata, file";

/// The number of bytes that are read from a file at once.
const CHUNK_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct R2 {
    index: Store,
    contents: Contents,
}

/// The storage of the contents.
#[derive(Debug, Clone)]
enum Contents {
    Folder(PathBuf),
    Memory(Arc<Mutex<HashMap<String, Bytes>>>),
}

impl R2 {
    /// Opens a bucket in a folder, or in memory.
    pub(super) fn open(folder: Option<&Path>) -> Opened<Self> {
        let Some(folder) = folder else {
            return Ok(Self {
                index: Store::open(None, SCHEMA)?,
                contents: Contents::Memory(Arc::default()),
            });
        };

        let objects = folder.join("objects");
        fs::create_dir_all(&objects)?;
        let index = Store::open(Some(&folder.join("index.sqlite")), SCHEMA)?;
        delete_unindexed(&index, &objects)?;
        Ok(Self {
            index,
            contents: Contents::Folder(objects),
        })
    }

    pub(crate) async fn put(
        &self,
        key: &str,
        mut upload: Upload<'_>,
        options: &PutOptions,
    ) -> Result<ObjectInfo, Failure> {
        let mut incoming = self.contents.create(key)?;
        let mut hash = Md5::new();
        let mut size = 0_u64;
        while let Some(chunk) = upload.chunk().await? {
            hash.update(&chunk);
            size += chunk.len() as u64;
            incoming.write(&chunk)?;
        }

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
        let file = incoming.finish()?;
        if let Some(replaced) = self.index_object(&info, uploaded, &file)? {
            self.contents.remove(&replaced);
        }
        Ok(info)
    }

    /// Adds an object to the index, and returns the file of the object that it replaces.
    fn index_object(
        &self,
        info: &ObjectInfo,
        uploaded: i64,
        file: &str,
    ) -> Result<Option<String>, Failure> {
        let size = i64::try_from(info.size).unwrap_or(i64::MAX);
        let metadata = serde_json::to_string(&info.custom_metadata).unwrap_or_default();
        let select = "SELECT file FROM objects WHERE key = ?1";
        let insert = format!(
            "INSERT OR REPLACE INTO objects ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
        );

        self.index.transaction(|connection| {
            let replaced = connection.query_row(select, [&info.key], |row| row.get(0));
            let replaced: Option<String> = replaced.optional()?;
            connection.execute(
                &insert,
                params![
                    info.key,
                    size,
                    info.etag,
                    uploaded,
                    info.content_type,
                    info.content_disposition,
                    metadata,
                    file
                ],
            )?;
            Ok(replaced)
        })
    }

    /// Returns the properties of an object, and its file.
    fn find(&self, key: &str) -> Result<Option<(ObjectInfo, String)>, Failure> {
        let sql = format!("SELECT {COLUMNS} FROM objects WHERE key = ?1");
        self.index.with(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let found = statement.query_row([key], |row| Ok((info(row)?, row.get(7)?)));
            found.optional()
        })
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<(ObjectInfo, Body)>, Failure> {
        // Another put can replace the file after its name was read from the index. Then the index
        // contains the new file.
        for _ in 0..8 {
            let Some((info, file)) = self.find(key)? else {
                return Ok(None);
            };
            match self.contents.read(&file) {
                Ok(body) => return Ok(Some((info, body))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io_failure(error)),
            }
        }

        let message = format!("the content of `{key}` is missing from the local state");
        Err(Failure::new(ErrorKind::Internal, message))
    }

    pub(crate) async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Failure> {
        Ok(self.find(key)?.map(|(info, _)| info))
    }

    pub(crate) async fn delete(&self, keys: &[&str]) -> Result<(), Failure> {
        let sql = "DELETE FROM objects WHERE key = ?1 RETURNING file";
        let files = self.index.transaction(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let mut files: Vec<String> = Vec::new();
            for key in keys {
                let file = statement.query_row([key], |row| row.get(0));
                files.extend(file.optional()?);
            }
            Ok(files)
        })?;

        for file in files {
            self.contents.remove(&file);
        }
        Ok(())
    }

    pub(crate) async fn list(&self, options: &ListOptions, limit: u32) -> Result<List, Failure> {
        let prefix = options.prefix.as_deref().unwrap_or_default();
        let sql = format!(
            "SELECT {COLUMNS} FROM objects
             WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 AND (?2 IS NULL OR key > ?2)
             ORDER BY key LIMIT ?3"
        );
        let mut objects = self.index.with(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            // A cursor is the last key of the previous page. One more object shows whether there is
            // another page.
            let parameters = params![prefix, options.cursor, i64::from(limit) + 1];
            let rows = statement.query_map(parameters, info)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;

        let has_more = objects.len() > limit as usize;
        objects.truncate(limit as usize);
        let last = objects.last().filter(|_| has_more);
        let cursor = last.map(|object| object.key.clone());
        Ok(List { objects, cursor })
    }
}

/// Deletes the files that the index does not contain.
fn delete_unindexed(index: &Store, objects: &Path) -> Opened<()> {
    let known: Result<HashSet<String>, Failure> = index.with(|connection| {
        let mut statement = connection.prepare("SELECT file FROM objects")?;
        let files = statement.query_map([], |row| row.get(0))?;
        files.collect()
    });
    let known = known.map_err(|failure| failure.message)?;

    for entry in fs::read_dir(objects)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_none_or(|name| !known.contains(name)) {
            fs::remove_file(entry.path())?;
        }
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

fn io_failure(error: io::Error) -> Failure {
    let message = format!("the local state cannot be read or written: {error}");
    Failure::because(ErrorKind::Internal, message, error)
}

/// The content of an object that is being written. It is deleted if it is dropped before
/// [`finish`](Self::finish).
enum Incoming {
    File {
        file: File,
        path: PathBuf,
        name: String,
        is_finished: bool,
    },
    Memory {
        bytes: Vec<u8>,
        name: String,
        contents: Arc<Mutex<HashMap<String, Bytes>>>,
    },
}

impl Incoming {
    fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        match self {
            Self::File { file, .. } => file.write_all(chunk).map_err(io_failure),
            Self::Memory { bytes, .. } => {
                bytes.extend_from_slice(chunk);
                Ok(())
            }
        }
    }

    /// Stores the content permanently, and returns its name for the index.
    fn finish(mut self) -> Result<String, Failure> {
        match &mut self {
            Self::File {
                file,
                name,
                is_finished,
                ..
            } => {
                file.sync_data().map_err(io_failure)?;
                *is_finished = true;
                Ok(name.clone())
            }
            Self::Memory {
                bytes,
                name,
                contents,
            } => {
                let bytes = Bytes::from(std::mem::take(bytes));
                let mut contents = contents.lock().unwrap_or_else(PoisonError::into_inner);
                contents.insert(name.clone(), bytes);
                Ok(name.clone())
            }
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Self::File {
            path,
            is_finished: false,
            ..
        } = self
        {
            // The next start deletes the file if it cannot be deleted now.
            let _ = fs::remove_file(path);
        }
    }
}

impl Contents {
    fn create(&self, key: &str) -> Result<Incoming, Failure> {
        let name = file_name(key);

        match self {
            Self::Folder(folder) => {
                let path = folder.join(&name);
                let file = File::create_new(&path).map_err(io_failure)?;
                Ok(Incoming::File {
                    file,
                    path,
                    name,
                    is_finished: false,
                })
            }
            Self::Memory(contents) => Ok(Incoming::Memory {
                bytes: Vec::new(),
                name,
                contents: Arc::clone(contents),
            }),
        }
    }

    fn read(&self, name: &str) -> io::Result<Body> {
        match self {
            Self::Folder(folder) => File::open(folder.join(name)).map(stream),
            Self::Memory(contents) => {
                let contents = contents.lock().unwrap_or_else(PoisonError::into_inner);
                let bytes = contents.get(name).cloned();
                bytes
                    .map(Body::from)
                    .ok_or_else(|| io::ErrorKind::NotFound.into())
            }
        }
    }

    fn remove(&self, name: &str) {
        match self {
            // The next start deletes the file if it cannot be deleted now.
            Self::Folder(folder) => drop(fs::remove_file(folder.join(name))),
            Self::Memory(contents) => {
                let mut contents = contents.lock().unwrap_or_else(PoisonError::into_inner);
                contents.remove(name);
            }
        }
    }
}

/// A body that reads a file in chunks. An open file can be read even after it was deleted.
fn stream(file: File) -> Body {
    let chunks = futures_util::stream::unfold(Some(file), |file| async {
        let mut file = file?;
        let mut chunk = vec![0; CHUNK_BYTES];
        match file.read(&mut chunk) {
            Ok(0) => None,
            Ok(length) => {
                chunk.truncate(length);
                Some((Ok(Bytes::from(chunk)), Some(file)))
            }
            Err(error) => Some((Err(error), None)),
        }
    });
    Body::from_stream(chunks)
}

/// A unique file name that starts with the key, so that a person can recognize it.
fn file_name(key: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);

    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let readable: String = key
        .chars()
        .map(|character| if is_plain(character) { character } else { '_' })
        .take(80)
        .collect();

    let now = now_milliseconds();
    let process = std::process::id();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{readable}~{now:x}-{process:x}-{number:x}")
}
