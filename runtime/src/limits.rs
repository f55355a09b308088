//! The limits of the platform, checked before each call by both backends.

use std::fmt;

use crate::error::{ErrorKind, Failure};

/// The limits of KV.
///
/// <https://developers.cloudflare.com/kv/platform/limits/>
pub(crate) mod kv {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/kv/platform/limits/";
    pub(crate) const KEY_BYTES: usize = 512;
    pub(crate) const VALUE_BYTES: usize = 25 * 1024 * 1024;
    pub(crate) const METADATA_BYTES: usize = 1024;
    pub(crate) const MIN_TTL_SECONDS: u64 = 60;
    pub(crate) const MIN_CACHE_TTL_SECONDS: u64 = 30;
    pub(crate) const LIST_KEYS: u32 = 1000;
    pub(crate) const BULK_KEYS: usize = 100;
}

/// The limits of R2.
///
/// <https://developers.cloudflare.com/r2/platform/limits/>
pub(crate) mod r2 {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/r2/platform/limits/";
    pub(crate) const KEY_BYTES: usize = 1024;
    pub(crate) const METADATA_BYTES: usize = 8192;
    pub(crate) const DELETE_KEYS: usize = 1000;
    pub(crate) const LIST_KEYS: u32 = 1000;
    pub(crate) const PARTS: u16 = 10_000;
    pub(crate) const MIN_PART_BYTES: usize = 5 * 1024 * 1024;
    pub(crate) const MAX_PART_BYTES: u64 = 5 * 1024 * 1024 * 1024;
    /// The bytes of one put, and of content that is copied.
    pub(crate) const PUT_BYTES: u64 = 5 * 1024 * 1024 * 1024 - 5 * 1024 * 1024;
    #[cfg(feature = "presign")]
    pub(crate) const PRESIGN_PAGE: &str =
        "https://developers.cloudflare.com/r2/api/s3/presigned-urls/";
    #[cfg(feature = "presign")]
    pub(crate) const PRESIGN_SECONDS: u64 = 7 * 24 * 3600;
}

/// The limits of Queues.
///
/// <https://developers.cloudflare.com/queues/platform/limits/>
pub(crate) mod queue {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/queues/platform/limits/";
    pub(crate) const MESSAGE_BYTES: usize = 128_000;
    pub(crate) const BATCH_MESSAGES: usize = 100;
    pub(crate) const BATCH_BYTES: usize = 256_000;
    pub(crate) const DELAY_SECONDS: u32 = 86_400;
    /// The bytes of a message for each billed operation.
    pub(crate) const OPERATION_BYTES: usize = 64_000;
}

/// The limits of Durable Objects.
///
/// <https://developers.cloudflare.com/durable-objects/platform/limits/>
pub(crate) mod durable_object {
    pub(crate) const PAGE: &str =
        "https://developers.cloudflare.com/durable-objects/platform/limits/";
    /// The key and the value together.
    pub(crate) const VALUE_BYTES: usize = 2_000_000;
    /// The bytes of a message of a WebSocket.
    #[cfg(feature = "web-sockets")]
    pub(crate) const MESSAGE_BYTES: usize = 32 * 1024 * 1024;
    #[cfg(feature = "web-sockets")]
    pub(crate) const ATTACHMENT_BYTES: usize = 2048;
    /// The bytes of the reason of a close, by RFC 6455.
    #[cfg(feature = "web-sockets")]
    pub(crate) const REASON_BYTES: usize = 123;
    #[cfg(feature = "web-sockets")]
    pub(crate) const TAGS: usize = 10;
    #[cfg(feature = "web-sockets")]
    pub(crate) const TAG_CHARACTERS: usize = 256;
}

/// The limits of D1.
///
/// <https://developers.cloudflare.com/d1/platform/limits/>
pub(crate) mod d1 {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/d1/platform/limits/";
    pub(crate) const VALUE_BYTES: usize = bindery_sqlite::MAX_ROW_BYTES;
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) const QUERY_TIME: std::time::Duration = std::time::Duration::from_secs(30);
}

/// The limits of Vectorize.
///
/// <https://developers.cloudflare.com/vectorize/platform/limits/>
pub(crate) mod vectorize {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/vectorize/platform/limits/";
    pub(crate) const DIMENSIONS: usize = 1536;
    pub(crate) const ID_BYTES: usize = 64;
    pub(crate) const METADATA_BYTES: usize = 10 * 1024;
    pub(crate) const TOP_K: u32 = 100;
    pub(crate) const TOP_K_HEAVY: u32 = 50;
    pub(crate) const BATCH: usize = 1000;
}

/// The limits of Workflows.
///
/// <https://developers.cloudflare.com/workflows/reference/limits/>
pub(crate) mod workflow {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/workflows/reference/limits/";
    pub(crate) const ID_BYTES: usize = 64;
    pub(crate) const BYTES: usize = 1024 * 1024;
    pub(crate) const NAME_BYTES: usize = 256;
    pub(crate) const BATCH: usize = 100;
    pub(crate) const MAX_SLEEP: std::time::Duration = std::time::Duration::from_secs(365 * 86_400);
}

/// The limits of Analytics Engine.
///
/// <https://developers.cloudflare.com/analytics/analytics-engine/limits/>
pub(crate) mod analytics {
    pub(crate) const PAGE: &str =
        "https://developers.cloudflare.com/analytics/analytics-engine/limits/";
    pub(crate) const BLOBS: usize = 20;
    pub(crate) const BLOB_BYTES: usize = 16 * 1024;
    pub(crate) const DOUBLES: usize = 20;
    pub(crate) const INDEXES: usize = 1;
    pub(crate) const INDEX_BYTES: usize = 96;
}

/// The limits of Pipelines.
///
/// <https://developers.cloudflare.com/pipelines/platform/limits/>
pub(crate) mod pipeline {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/pipelines/platform/limits/";
    pub(crate) const BYTES: usize = 1_000_000;
}

/// The largest integer up to which a JavaScript number is exact: 2^53 - 1.
pub(crate) const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

impl Failure {
    /// A `TooLarge` error for a value that exceeds a limit.
    ///
    /// `noun` names the value with an article, and `found` is its size with a unit.
    pub(crate) fn limit(
        noun: impl fmt::Display,
        found: impl fmt::Display,
        limit: impl fmt::Display,
        page: &str,
    ) -> Self {
        let message = format!("{noun} has {found}, more than the limit of {limit}; see {page}");
        Self::new(ErrorKind::TooLarge, message)
    }
}

/// Checks a key of KV or R2.
pub(crate) fn key(key: &str, max_bytes: usize, page: &str) -> Result<(), Failure> {
    if key.is_empty() {
        let message = "the key is empty";
        return Err(Failure::new(ErrorKind::InvalidArgument, message));
    }
    bytes("the key", key.len(), max_bytes, page)
}

/// Checks a key of KV, where `.` and `..` are not valid.
pub(crate) fn kv_key(name: &str) -> Result<(), Failure> {
    if name == "." || name == ".." {
        let message = format!("`{name}` is not a valid key; see {}", kv::PAGE);
        return Err(Failure::new(ErrorKind::InvalidArgument, message));
    }
    key(name, kv::KEY_BYTES, kv::PAGE)
}

/// Checks the size of a value in bytes.
pub(crate) fn bytes(noun: &str, found: usize, limit: usize, page: &str) -> Result<(), Failure> {
    if found > limit {
        let found = format_args!("{found} bytes");
        return Err(Failure::limit(noun, found, limit, page));
    }
    Ok(())
}

/// Returns the number of entries that a list call requests: `limit`, or by default the maximum.
pub(crate) fn list_limit(limit: Option<u32>, max: u32, page: &str) -> Result<u32, Failure> {
    match limit {
        None => Ok(max),
        Some(limit) if (1..=max).contains(&limit) => Ok(limit),
        Some(limit) => {
            let message = format!("a list limit must be from 1 to {max}, not {limit}; see {page}");
            Err(Failure::new(ErrorKind::InvalidArgument, message))
        }
    }
}
