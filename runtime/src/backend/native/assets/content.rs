//! The content of a file: its hash, and a body that reads it in chunks.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use md5::{Digest, Md5};
use tokio::io::{AsyncRead, ReadBuf};

use crate::http::Body;

use super::folder::Folder;
use super::watched::Stamp;

/// The number of bytes that are read from a file at once.
const CHUNK_BYTES: usize = 128 * 1024;

/// A file with at most this size is read at once.
const SMALL_BYTES: u64 = 256 * 1024;

pub(super) struct Content {
    pub(super) body: Body,
    pub(super) size: u64,
    /// The strong `ETag`.
    pub(super) tag: String,
}

impl Content {
    /// Opens a file, and computes its hash.
    pub(super) fn open(folder: &Folder, path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let stamp = Stamp::of(&metadata);

        if metadata.len() <= SMALL_BYTES || tokio::runtime::Handle::try_current().is_err() {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let tag = folder.hash(path, stamp, || Ok(hex(Md5::digest(&bytes).as_ref())))?;
            return Ok(Self {
                size: bytes.len() as u64,
                body: Body::from(bytes),
                tag: format!("\"{tag}\""),
            });
        }

        let tag = folder.hash(path, stamp, || hash(&mut file))?;
        file.rewind()?;
        let body = FileBody {
            file: tokio::fs::File::from_std(file),
            remaining: metadata.len(),
            chunk: BytesMut::new(),
        };
        Ok(Self {
            body: Body::new(body),
            size: metadata.len(),
            tag: format!("\"{tag}\""),
        })
    }
}

fn hash(file: &mut File) -> io::Result<String> {
    let mut hash = Md5::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex(hash.finalize().as_ref())),
            read => hash.update(&chunk[..read]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs blocking work on a thread of its own, if there is a runtime. Returns `None` if the process
/// is shutting down.
pub(super) async fn off_the_async_workers<T: Send + 'static>(
    work: impl FnOnce() -> Option<T> + Send + 'static,
) -> Option<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.ok().flatten(),
        Err(_) => work(),
    }
}

/// A body with the size that the file had when it was opened.
struct FileBody {
    file: tokio::fs::File,
    remaining: u64,
    chunk: BytesMut,
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if this.remaining == 0 {
            return Poll::Ready(None);
        }

        let length = usize::try_from(this.remaining).unwrap_or(CHUNK_BYTES);
        this.chunk.resize(length.min(CHUNK_BYTES), 0);
        let mut buffer = ReadBuf::new(&mut this.chunk);
        ready!(Pin::new(&mut this.file).poll_read(context, &mut buffer))?;

        let read = buffer.filled().len();
        if read == 0 {
            this.remaining = 0;
            let message = "the file became shorter while it was read";
            return Poll::Ready(Some(Err(io::Error::other(message))));
        }
        this.remaining -= read as u64;
        let chunk = this.chunk.split_to(read).freeze();
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
