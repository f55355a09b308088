//! The platform's limits, kept before a call is made, natively as on Workers.

use std::fmt;

use crate::error::{ErrorKind, Failure};

/// <https://developers.cloudflare.com/kv/platform/limits/>
pub(crate) mod kv {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/kv/platform/limits/";
    pub(crate) const KEY_BYTES: usize = 512;
    pub(crate) const VALUE_BYTES: usize = 25 * 1024 * 1024;
    pub(crate) const METADATA_BYTES: usize = 1024;
    pub(crate) const MIN_TTL_SECONDS: u64 = 60;
    pub(crate) const MIN_CACHE_TTL_SECONDS: u64 = 30;
    pub(crate) const LIST_KEYS: u32 = 1000;
}

/// <https://developers.cloudflare.com/r2/platform/limits/>
pub(crate) mod r2 {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/r2/platform/limits/";
    pub(crate) const KEY_BYTES: usize = 1024;
    pub(crate) const METADATA_BYTES: usize = 8192;
    pub(crate) const DELETE_KEYS: usize = 1000;
    pub(crate) const LIST_KEYS: u32 = 1000;
}

/// <https://developers.cloudflare.com/queues/platform/limits/>
pub(crate) mod queue {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/queues/platform/limits/";
    pub(crate) const MESSAGE_BYTES: usize = 128_000;
    pub(crate) const BATCH_MESSAGES: usize = 100;
    pub(crate) const BATCH_BYTES: usize = 256_000;
    pub(crate) const DELAY_SECONDS: u32 = 86_400;
}

/// <https://developers.cloudflare.com/d1/platform/limits/>
pub(crate) mod d1 {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/d1/platform/limits/";
    pub(crate) const VALUE_BYTES: usize = 2_000_000;
}

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

/// <https://developers.cloudflare.com/workflows/reference/limits/>
pub(crate) mod workflow {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/workflows/reference/limits/";
    pub(crate) const ID_BYTES: usize = 64;
    pub(crate) const BYTES: usize = 1024 * 1024;
}

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

/// <https://developers.cloudflare.com/pipelines/platform/limits/>
pub(crate) mod pipeline {
    pub(crate) const PAGE: &str = "https://developers.cloudflare.com/pipelines/platform/limits/";
    pub(crate) const BYTES: usize = 1_000_000;
}

/// The largest whole number that a JavaScript number holds exactly: 2^53 - 1.
pub(crate) const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

impl Failure {
    /// A value over a limit of the platform; nothing was sent.
    pub(crate) fn limit(
        what: impl fmt::Display,
        found: impl fmt::Display,
        limit: impl fmt::Display,
        page: &str,
    ) -> Self {
        Self::new(
            ErrorKind::TooLarge,
            format!("{what} has {found}, more than {limit}; see {page}"),
        )
    }
}

/// A key of KV or R2.
pub(crate) fn key(key: &str, bytes: usize, page: &str) -> Result<(), Failure> {
    if key.is_empty() {
        return Err(Failure::new(
            ErrorKind::InvalidArgument,
            "a key cannot be empty",
        ));
    }
    if key.len() > bytes {
        return Err(Failure::limit(
            "the key",
            format_args!("{} bytes", key.len()),
            bytes,
            page,
        ));
    }
    Ok(())
}

/// A key of KV, which knows two more that it does not take.
pub(crate) fn kv_key(name: &str) -> Result<(), Failure> {
    if name == "." || name == ".." {
        return Err(Failure::new(
            ErrorKind::InvalidArgument,
            format!("`{name}` cannot be a key"),
        ));
    }
    key(name, kv::KEY_BYTES, kv::PAGE)
}

/// A number of bytes.
pub(crate) fn bytes(what: &str, found: usize, limit: usize, page: &str) -> Result<(), Failure> {
    if found > limit {
        Err(Failure::limit(
            what,
            format_args!("{found} bytes"),
            limit,
            page,
        ))
    } else {
        Ok(())
    }
}

/// How many entries a list call gives at most.
pub(crate) fn list_limit(limit: Option<u32>, most: u32, page: &str) -> Result<u32, Failure> {
    match limit {
        None => Ok(most),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => {
            let message =
                format!("a list gives between 1 and {most} entries, not {limit}; see {page}");
            Err(Failure::new(ErrorKind::InvalidArgument, message))
        }
    }
}
