//! The contents of objects: files in a folder, or bytes in memory.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};

use crate::backend::native::bindings::Opened;
use crate::backend::native::pool::lock;
use crate::error::{Error, ErrorKind, Failure};
use crate::http::Body;
use crate::random;

/// The number of bytes that are read from a file at once.
const CHUNK_BYTES: usize = 128 * 1024;

/// The contents of one bucket.
#[derive(Debug, Clone)]
pub(super) enum Contents {
    Folder {
        /// The contents of the objects.
        objects: PathBuf,
        /// The contents that are being written.
        uploads: PathBuf,
    },
    Memory(Arc<Mutex<HashMap<String, Bytes>>>),
}

impl Contents {
    /// Creates the folders of a bucket.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let (objects, uploads) = (folder.join("objects"), folder.join("uploads"));
        fs::create_dir_all(&objects)?;
        fs::create_dir_all(&uploads)?;
        Ok(Self::Folder { objects, uploads })
    }

    /// Whether there is the content of an object.
    pub(super) fn has_objects(&self) -> io::Result<bool> {
        match self {
            Self::Folder { objects, .. } => Ok(fs::read_dir(objects)?.next().is_some()),
            Self::Memory(contents) => Ok(!lock(contents).is_empty()),
        }
    }

    /// The names of the uploads that the previous process did not finish.
    pub(super) fn uploads(&self) -> Opened<Vec<String>> {
        let Self::Folder { uploads, .. } = self else {
            return Ok(Vec::new());
        };
        let names = fs::read_dir(uploads)?.map(|entry| {
            let name = entry?.file_name().into_string();
            name.map_err(|name| format!("{} has no valid name", name.display()).into())
        });
        names.collect()
    }

    /// Makes an upload the content of an object.
    pub(super) fn publish_now(&self, name: &str) -> io::Result<()> {
        match self {
            Self::Folder { objects, uploads } => fs::rename(uploads.join(name), objects.join(name)),
            Self::Memory(_) => Ok(()),
        }
    }

    /// Makes an upload the content of an object. If it is missing, another put has replaced the
    /// object and deleted it.
    pub(super) async fn publish(&self, name: &str) -> Result<(), Failure> {
        match self {
            Self::Folder { objects, uploads } => {
                let (from, to) = (uploads.join(name), objects.join(name));
                allow_missing(tokio::fs::rename(from, to).await).map_err(io_failure)
            }
            Self::Memory(_) => Ok(()),
        }
    }

    /// Deletes an upload.
    pub(super) fn discard_now(&self, name: &str) -> io::Result<()> {
        match self {
            Self::Folder { uploads, .. } => fs::remove_file(uploads.join(name)),
            Self::Memory(_) => self.remove_now(name),
        }
    }

    /// Deletes an upload. If that fails, the next start deletes it.
    pub(super) async fn discard(&self, name: &str) {
        let (contents, name) = (self.clone(), name.to_owned());
        let discard = move || drop(contents.discard_now(&name));
        match (self, tokio::runtime::Handle::try_current()) {
            (Self::Folder { .. }, Ok(runtime)) => {
                let _ = runtime.spawn_blocking(discard).await;
            }
            _ => discard(),
        }
    }

    /// Deletes the content of an object or a part, if it exists.
    pub(super) fn remove_now(&self, name: &str) -> io::Result<()> {
        match self {
            Self::Folder { objects, uploads } => {
                allow_missing(fs::remove_file(uploads.join(name)))?;
                allow_missing(fs::remove_file(objects.join(name)))
            }
            Self::Memory(contents) => {
                lock(contents).remove(name);
                Ok(())
            }
        }
    }

    /// Deletes the content of an object or a part, if it exists.
    pub(super) async fn remove(&self, name: &str) -> io::Result<()> {
        match self {
            Self::Folder { objects, uploads } => {
                // An upload that is published at this moment is found in the other folder.
                allow_missing(tokio::fs::remove_file(uploads.join(name)).await)?;
                allow_missing(tokio::fs::remove_file(objects.join(name)).await)
            }
            Self::Memory(_) => self.remove_now(name),
        }
    }

    /// Starts the upload of an object.
    pub(super) async fn create(&self, key: &str) -> Result<Incoming, Failure> {
        let name = file_name(key)?;
        let content = match self {
            Self::Folder { uploads, .. } => {
                let path = uploads.join(&name);
                let file = File::create_new(&path).await.map_err(io_failure)?;
                Content::File(file)
            }
            Self::Memory(_) => Content::Memory(Vec::new()),
        };
        Ok(Incoming {
            contents: self.clone(),
            content,
            name,
            is_kept: false,
        })
    }

    /// Returns some bytes of content as a stream: an offset and a number of bytes. Returns `None`
    /// if there is no such content.
    pub(super) async fn read(
        &self,
        name: &str,
        (offset, length): (u64, u64),
    ) -> Result<Option<Body>, Failure> {
        let (objects, uploads) = match self {
            Self::Folder { objects, uploads } => (objects, uploads),
            Self::Memory(contents) => {
                let bytes = lock(contents).get(name).cloned();
                // The content is in memory, so its size is a `usize`.
                let range = offset as usize..(offset + length) as usize;
                return Ok(bytes.map(|bytes| Body::from(bytes.slice(range))));
            }
        };

        // The index lists a file for a moment before it is moved to the objects, and the files of
        // parts are not moved.
        for path in [objects.join(name), uploads.join(name)] {
            match File::open(path).await {
                Ok(mut file) => {
                    if offset > 0 {
                        let seek = file.seek(SeekFrom::Start(offset));
                        seek.await.map_err(io_failure)?;
                    }
                    return Ok(Some(stream(file, length)));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io_failure(error)),
            }
        }
        Ok(None)
    }
}

/// The content of an object that is being written. It is deleted if it is dropped before
/// [`keep`](Self::keep).
pub(super) struct Incoming {
    contents: Contents,
    content: Content,
    name: String,
    is_kept: bool,
}

enum Content {
    File(File),
    Memory(Vec<u8>),
}

impl Incoming {
    pub(super) async fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        match &mut self.content {
            Content::File(file) => file.write_all(chunk).await.map_err(io_failure),
            Content::Memory(bytes) => {
                bytes.extend_from_slice(chunk);
                Ok(())
            }
        }
    }

    /// Writes all of a body.
    pub(super) async fn copy(&mut self, body: Body) -> Result<(), Failure> {
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| io_failure(io::Error::other(error)))?;
            self.write(&chunk).await?;
        }
        Ok(())
    }

    /// Waits until the content is on the disk.
    pub(super) async fn sync(&mut self) -> Result<(), Failure> {
        match (&mut self.content, &self.contents) {
            (Content::File(file), _) => {
                file.flush().await.map_err(io_failure)?;
                file.sync_data().await.map_err(io_failure)
            }
            (Content::Memory(bytes), Contents::Memory(contents)) => {
                let bytes = Bytes::from(std::mem::take(bytes));
                lock(contents).insert(self.name.clone(), bytes);
                Ok(())
            }
            (Content::Memory(_), Contents::Folder { .. }) => Ok(()),
        }
    }

    /// Keeps the content, and returns its name for the index.
    pub(super) fn keep(mut self) -> String {
        self.is_kept = true;
        self.name.clone()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let (contents, name) = (self.contents.clone(), std::mem::take(&mut self.name));
        // The next start deletes the file if it cannot be deleted now.
        let discard = move || drop(contents.discard_now(&name));
        match (&self.contents, tokio::runtime::Handle::try_current()) {
            (Contents::Folder { .. }, Ok(runtime)) => drop(runtime.spawn_blocking(discard)),
            _ => discard(),
        }
    }
}

/// A body that reads bytes of a file in chunks. An open file can be read even after it was deleted.
fn stream(file: File, length: u64) -> Body {
    let file = file.take(length);
    let chunks = futures_util::stream::unfold(Some(file), |file| async {
        let mut file = file?;
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        match file.read_buf(&mut chunk).await {
            Ok(0) if file.limit() > 0 => {
                let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                Some((Err(error), None))
            }
            Ok(0) => None,
            Ok(_) => Some((Ok(chunk.freeze()), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Body::from_stream(chunks)
}

/// A unique file name that starts with the key, so that a person can recognize it.
fn file_name(key: &str) -> Result<String, Failure> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let readable: String = key
        .chars()
        .map(|character| if is_plain(character) { character } else { '_' })
        .take(80)
        .collect();

    let unique = random::id().map_err(Error::into_failure)?;
    Ok(format!("{readable}~{unique}"))
}

fn allow_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn io_failure(error: io::Error) -> Failure {
    let message = format!("the local state cannot be read or written: {error}");
    Failure::because(ErrorKind::Internal, message, error)
}
