//! R2 as files, with an index in SQLite.
//!
//! A write goes to a file of its own, then the index names it, then the old file goes: whoever
//! reads sees the old object or the new one, and a death in between leaves a file that the next
//! start clears away.

use std::collections::HashMap;
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

use super::clock::{at_milliseconds, now_milliseconds};
use super::store::Store;

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

const COLUMNS: &str =
    "key, size, etag, uploaded, content_type, content_disposition, custom_metadata, file";

/// Bytes that are read from a file at a time.
const CHUNK: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct R2 {
    index: Store,
    contents: Contents,
}

/// Where the bytes are.
#[derive(Debug, Clone)]
enum Contents {
    Folder(PathBuf),
    Memory(Arc<Mutex<HashMap<String, Bytes>>>),
}

impl R2 {
    pub(super) fn open(
        folder: Option<&Path>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let Some(folder) = folder else {
            return Ok(Self {
                index: Store::open(None, SCHEMA)?,
                contents: Contents::Memory(Arc::default()),
            });
        };
        let objects = folder.join("objects");
        fs::create_dir_all(&objects)?;
        let index = Store::open(Some(&folder.join("index.sqlite")), SCHEMA)?;
        let known: Vec<String> = index
            .with(|connection| {
                connection
                    .prepare("SELECT file FROM objects")?
                    .query_map([], |row| row.get(0))?
                    .collect()
            })
            .map_err(|failure| failure.message)?;
        for entry in fs::read_dir(&objects)? {
            let entry = entry?;
            if entry
                .file_name()
                .to_str()
                .is_none_or(|name| !known.iter().any(|file| file == name))
            {
                fs::remove_file(entry.path())?;
            }
        }
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
        let info = ObjectInfo {
            key: key.to_owned(),
            size,
            etag: hash
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            uploaded: at_milliseconds(uploaded),
            content_type: options.content_type.clone(),
            content_disposition: options.content_disposition.clone(),
            custom_metadata: options.custom_metadata.clone(),
        };
        let file = incoming.keep()?;
        let replaced = self.index.transaction(|connection| {
            let replaced: Option<String> =
                connection.query_row("SELECT file FROM objects WHERE key = ?1", [key], |row| row.get(0)).optional()?;
            connection.execute(
                &format!("INSERT OR REPLACE INTO objects ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
                params![
                    key,
                    i64::try_from(size).unwrap_or(i64::MAX),
                    info.etag,
                    uploaded,
                    info.content_type,
                    info.content_disposition,
                    serde_json::to_string(&info.custom_metadata).unwrap_or_default(),
                    file
                ],
            )?;
            Ok(replaced)
        })?;
        if let Some(replaced) = replaced {
            self.contents.remove(&replaced);
        }
        Ok(info)
    }

    fn find(&self, key: &str) -> Result<Option<(ObjectInfo, String)>, Failure> {
        self.index.with(|connection| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM objects WHERE key = ?1"))?
                .query_row([key], |row| Ok((info(row)?, row.get(7)?)))
                .optional()
        })
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<(ObjectInfo, Body)>, Failure> {
        // Between the index and the file the object can be replaced: then the index names another.
        for _ in 0..8 {
            let Some((info, file)) = self.find(key)? else {
                return Ok(None);
            };
            match self.contents.read(&file) {
                Ok(body) => return Ok(Some((info, body))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(local(error)),
            }
        }
        Err(Failure::new(
            ErrorKind::Internal,
            format!("the content of `{key}` is missing from the local state"),
        ))
    }

    pub(crate) async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Failure> {
        Ok(self.find(key)?.map(|(info, _)| info))
    }

    pub(crate) async fn delete(&self, keys: &[&str]) -> Result<(), Failure> {
        let files: Vec<String> = self.index.transaction(|connection| {
            let mut statement =
                connection.prepare_cached("DELETE FROM objects WHERE key = ?1 RETURNING file")?;
            let mut files = Vec::new();
            for key in keys {
                files.extend(
                    statement
                        .query_row([key], |row| row.get::<_, String>(0))
                        .optional()?,
                );
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
        let mut objects = self.index.with(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM objects WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 AND (?2 IS NULL OR key > ?2) ORDER BY key LIMIT ?3"
            ))?;
            let rows = statement.query_map(params![prefix, options.cursor, i64::from(limit) + 1], info)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let more = objects.len() > limit as usize;
        objects.truncate(limit as usize);
        let cursor = if more {
            objects.last().map(|object| object.key.clone())
        } else {
            None
        };
        Ok(List { objects, cursor })
    }
}

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

fn local(error: io::Error) -> Failure {
    Failure::because(
        ErrorKind::Internal,
        format!("the local state cannot be used: {error}"),
        error,
    )
}

/// An object that is being written. Dropped before it is kept, it leaves nothing.
enum Incoming {
    File {
        file: File,
        path: PathBuf,
        name: String,
        kept: bool,
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
            Self::File { file, .. } => file.write_all(chunk).map_err(local),
            Self::Memory { bytes, .. } => {
                bytes.extend_from_slice(chunk);
                Ok(())
            }
        }
    }

    /// Makes it last, and gives the name for the index.
    fn keep(mut self) -> Result<String, Failure> {
        match &mut self {
            Self::File {
                file, name, kept, ..
            } => {
                file.sync_data().map_err(local)?;
                *kept = true;
                Ok(name.clone())
            }
            Self::Memory {
                bytes,
                name,
                contents,
            } => {
                let bytes = Bytes::from(std::mem::take(bytes));
                contents
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(name.clone(), bytes);
                Ok(name.clone())
            }
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Self::File {
            path, kept: false, ..
        } = self
        {
            // What cannot be removed now is cleared away by the next start.
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
                let file = File::options()
                    .write(true)
                    .create_new(true)
                    .open(&path)
                    .map_err(local)?;
                Ok(Incoming::File {
                    file,
                    path,
                    name,
                    kept: false,
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
            Self::Folder(folder) => {
                let file = File::open(folder.join(name))?;
                Ok(Body::from_stream(futures_util::stream::unfold(
                    Some(file),
                    |file| async {
                        let mut file = file?;
                        let mut chunk = vec![0; CHUNK];
                        match file.read(&mut chunk) {
                            Ok(0) => None,
                            Ok(length) => {
                                chunk.truncate(length);
                                Some((Ok(Bytes::from(chunk)), Some(file)))
                            }
                            Err(error) => Some((Err(error), None)),
                        }
                    },
                )))
            }
            Self::Memory(contents) => {
                let contents = contents.lock().unwrap_or_else(PoisonError::into_inner);
                contents
                    .get(name)
                    .cloned()
                    .map(Body::from)
                    .ok_or_else(|| io::ErrorKind::NotFound.into())
            }
        }
    }

    fn remove(&self, name: &str) {
        match self {
            // An open reader keeps the file; one that cannot be removed is cleared away by the next start.
            Self::Folder(folder) => drop(fs::remove_file(folder.join(name))),
            Self::Memory(contents) => drop(
                contents
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(name),
            ),
        }
    }
}

/// A name that a person recognises and no other object has.
fn file_name(key: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let readable: String = key
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() || "-_.".contains(character) {
                character
            } else {
                '_'
            }
        })
        .take(80)
        .collect();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(
        "{readable}~{:x}-{:x}-{number:x}",
        now_milliseconds(),
        std::process::id()
    )
}
