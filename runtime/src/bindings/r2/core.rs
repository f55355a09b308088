//! The calls of a bucket, without the types of its keys: compiled once, in this crate.

use std::collections::BTreeSet;

use super::condition::Condition;
use super::metadata::{HttpMetadata, Metadata};
use super::multipart::UploadedPart;
use super::options::{Checksum, GetOptions, StorageClass};
use super::types::ObjectInfo;
use crate::backend;
use crate::bindings::content::{Content, Upload};
use crate::error::{ErrorKind, Failure, Result};
use crate::http::Body;
use crate::limits;
use crate::observe::{Counts, Gate, Measures};

/// What a put stores besides the content, and under which condition.
#[derive(Debug, Clone, Default)]
pub(crate) struct PutRequest {
    pub(crate) http_metadata: HttpMetadata,
    pub(crate) custom_metadata: Metadata,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) storage_class: Option<StorageClass>,
    pub(crate) condition: Option<Condition>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) part_bytes: usize,
    pub(crate) parallel_parts: usize,
}

impl PutRequest {
    /// What requires that the content is stored with one call, with an article: parts have neither
    /// conditions nor checksums.
    pub(crate) fn needs_one_call(&self) -> Option<&'static str> {
        match (&self.condition, &self.checksum) {
            (Some(_), _) => Some("a conditional put"),
            (None, Some(_)) => Some("a put with a checksum"),
            (None, None) => None,
        }
    }
}

/// Which objects a list returns.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListRequest {
    pub(crate) prefix: String,
    pub(crate) cursor: Option<String>,
    pub(crate) start_after: Option<String>,
    pub(crate) delimiter: Option<String>,
    pub(crate) page_size: Option<u32>,
}

/// A page of a list.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) objects: Vec<ObjectInfo>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) cursor: Option<String>,
}

/// The result of a get: the body is missing if the object does not meet the condition. The range is
/// the offset and the number of bytes of the body.
pub(crate) type Found = (ObjectInfo, Option<(Body, (u64, u64))>);

#[derive(Debug, Clone)]
pub(crate) struct Core {
    pub(super) gate: Gate,
    backend: backend::R2,
}

impl Core {
    pub(crate) fn new(gate: Gate, backend: backend::R2) -> Self {
        Self { gate, backend }
    }

    pub(super) async fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        let work = async {
            check_key(key)?;
            let info = self.backend.head(key).await?;
            let measures = Measures {
                hit: Some(info.is_some()),
                ..Measures::default()
            };
            Ok((info, measures.into()))
        };
        self.gate.pass("head", None, work).await
    }

    pub(super) async fn get(&self, key: &str, options: &GetOptions) -> Result<Option<Found>> {
        let work = async {
            check_key(key)?;
            let found = self.backend.get(key, options).await?;
            let content = found.as_ref().and_then(|(_, content)| content.as_ref());
            let measures = Measures {
                hit: Some(found.is_some()),
                bytes: content.map(|(_, (_, length))| *length),
                ..Measures::default()
            };
            Ok((found, measures.into()))
        };
        self.gate.pass("get", None, work).await
    }

    /// Returns `None` if the condition is not met.
    pub(crate) async fn put(
        &self,
        key: &str,
        content: Content<'_>,
        request: Result<PutRequest, Failure>,
    ) -> Result<Option<ObjectInfo>> {
        let work = async {
            check_key(key)?;
            let request = request?;
            check_put(&request)?;

            let upload = Upload::new(content, request.max_bytes)?;
            let length = upload.length();
            let info = self.backend.put(key, upload, &request).await?;
            let bytes = info.as_ref().map(|info| info.size);
            let measures = Measures {
                bytes,
                operations: Some(put_operations(length, bytes, request.part_bytes)),
                ..Measures::default()
            };
            Ok((info, measures.into()))
        };
        self.gate.pass("put", None, work).await
    }

    pub(super) async fn copy(&self, from: &str, to: &str) -> Result<Option<ObjectInfo>> {
        let work = async {
            check_key(from)?;
            check_key(to)?;
            let info = self.backend.copy(from, to).await?;
            let measures = Measures {
                hit: Some(info.is_some()),
                bytes: info.as_ref().map(|info| info.size),
                ..Measures::default()
            };
            Ok((info, measures.into()))
        };
        self.gate.pass("copy", None, work).await
    }

    /// Deletes any number of objects, up to 1000 of them with one call.
    pub(crate) async fn delete(&self, keys: &[String]) -> Result<()> {
        for keys in keys.chunks(limits::r2::DELETE_KEYS) {
            let work = async {
                for key in keys {
                    check_key(key)?;
                }
                self.backend.delete(keys).await?;
                let measures = Measures {
                    count: Some(keys.len() as u64),
                    ..Measures::default()
                };
                Ok(((), measures.into()))
            };
            self.gate.pass("delete", None, work).await?;
        }
        Ok(())
    }

    pub(super) async fn list(&self, request: &ListRequest) -> Result<Listing> {
        let work = async {
            let (max, page) = (limits::r2::LIST_KEYS, limits::r2::PAGE);
            let limit = limits::list_limit(request.page_size, max, page)?;
            let listing = self.backend.list(request, limit).await?;
            let count = listing.objects.len() + listing.prefixes.len();
            let measures = Measures {
                count: Some(count as u64),
                ..Measures::default()
            };
            Ok((listing, measures.into()))
        };
        self.gate.pass("list", None, work).await
    }

    pub(super) async fn create_multipart(&self, key: &str, request: PutRequest) -> Result<String> {
        let work = async {
            check_key(key)?;
            check_put(&request)?;
            let id = self.backend.create_multipart(key, &request).await?;
            Ok((id, Counts::default()))
        };
        self.gate.pass("create_multipart_upload", None, work).await
    }

    /// Returns the etag of the part.
    pub(crate) async fn upload_part(
        &self,
        key: &str,
        id: &str,
        number: u16,
        content: Content<'_>,
    ) -> Result<String> {
        let work = async {
            check_key(key)?;
            check_part(number)?;
            let upload = Upload::new(content, Some(limits::r2::MAX_PART_BYTES))?;
            let (etag, length) = self.backend.upload_part(key, id, number, upload).await?;
            let measures = Measures {
                bytes: Some(length),
                ..Measures::default()
            };
            Ok((etag, measures.into()))
        };
        self.gate.pass("upload_part", None, work).await
    }

    pub(super) async fn complete(
        &self,
        key: &str,
        id: &str,
        parts: &[UploadedPart],
    ) -> Result<ObjectInfo> {
        let work = async {
            check_key(key)?;
            let mut numbers = BTreeSet::new();
            for part in parts {
                check_part(part.number)?;
                if !numbers.insert(part.number) {
                    let message = format!("the part {} occurs twice", part.number);
                    return Err(Failure::new(ErrorKind::InvalidArgument, message));
                }
            }
            if parts.is_empty() {
                let message = "an upload has at least one part";
                return Err(Failure::new(ErrorKind::InvalidArgument, message));
            }

            let mut parts = parts.to_vec();
            for part in &mut parts {
                // The S3 API returns the etag of a part as a header, with quotes.
                part.etag = part.etag.trim_matches('"').to_owned();
            }
            parts.sort_by_key(|part| part.number);
            let info = self.backend.complete(key, id, &parts).await?;
            let measures = Measures {
                bytes: Some(info.size),
                ..Measures::default()
            };
            Ok((info, measures.into()))
        };
        let operation = "complete_multipart_upload";
        self.gate.pass(operation, None, work).await
    }

    pub(crate) async fn abort(&self, key: &str, id: &str) -> Result<()> {
        let work = async {
            check_key(key)?;
            self.backend.abort(key, id).await?;
            Ok(((), Counts::default()))
        };
        self.gate.pass("abort_multipart_upload", None, work).await
    }
}

/// The operations of a put on Workers. Content that is too long for one call, or whose length is
/// not known, is uploaded in parts.
fn put_operations(length: Option<u64>, bytes: Option<u64>, part_bytes: usize) -> u64 {
    let bytes = bytes.unwrap_or_default();
    let is_one_call = length.is_some_and(|length| length <= limits::r2::PUT_BYTES);
    if is_one_call || bytes <= part_bytes as u64 {
        return 1;
    }
    // The upload is created and completed, too.
    bytes.div_ceil(part_bytes as u64) + 2
}

pub(super) fn check_key(key: &str) -> Result<(), Failure> {
    limits::key(key, limits::r2::KEY_BYTES, limits::r2::PAGE)
}

pub(super) fn check_put(request: &PutRequest) -> Result<(), Failure> {
    let metadata = request.custom_metadata.iter();
    let bytes = metadata.map(|(name, value)| name.len() + value.len()).sum();
    limits::bytes(
        "the metadata",
        bytes,
        limits::r2::METADATA_BYTES,
        limits::r2::PAGE,
    )?;

    let parts = limits::r2::MIN_PART_BYTES as u64..=limits::r2::MAX_PART_BYTES;
    if parts.contains(&(request.part_bytes as u64)) && request.parallel_parts > 0 {
        return Ok(());
    }
    let page = limits::r2::PAGE;
    let message = format!(
        "a part has from 5 MiB to 5 GiB, not {} bytes, and at least one is uploaded at a time; see \
         {page}",
        request.part_bytes
    );
    Err(Failure::new(ErrorKind::InvalidArgument, message))
}

pub(super) fn check_part(number: u16) -> Result<(), Failure> {
    if (1..=limits::r2::PARTS).contains(&number) {
        return Ok(());
    }
    let (parts, page) = (limits::r2::PARTS, limits::r2::PAGE);
    let message = format!("a part has a number from 1 to {parts}, not {number}; see {page}");
    Err(Failure::new(ErrorKind::InvalidArgument, message))
}
