//! The options of R2 operations.

use std::ops::{Range as Bounds, RangeFrom, RangeTo};
use std::time::SystemTime;

use super::metadata::{HttpMetadata, Metadata};

/// A checksum that the content must have. The object keeps it.
///
/// <https://developers.cloudflare.com/r2/api/workers/workers-api-reference/#checksums>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checksum {
    /// MD5
    Md5([u8; 16]),
    /// SHA-1
    Sha1([u8; 20]),
    /// SHA-256
    Sha256([u8; 32]),
    /// SHA-384
    Sha384([u8; 48]),
    /// SHA-512
    Sha512([u8; 64]),
}

/// The storage class of an object.
///
/// <https://developers.cloudflare.com/r2/buckets/storage-classes/>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageClass {
    /// Standard storage.
    #[default]
    Standard,
    /// Infrequent Access storage: cheaper to keep, more expensive to read, for at least 30 days.
    InfrequentAccess,
}

impl StorageClass {
    /// Returns the name of the platform: `Standard` or `InfrequentAccess`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::InfrequentAccess => "InfrequentAccess",
        }
    }

    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "InfrequentAccess" => Self::InfrequentAccess,
            _ => Self::Standard,
        }
    }
}

/// The options of a put or an upload. `M` is the type of the key's metadata.
///
/// # Examples
/// ```
/// use bindery::r2::PutOptions;
///
/// let options = PutOptions::default()
///     .content_type("text/plain")
///     .custom_metadata("owner", "ann")
///     .max_bytes(10_000_000);
/// assert_eq!(options.http_metadata.content_type.as_deref(), Some("text/plain"));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PutOptions<M = Metadata> {
    /// The headers with which the object is served.
    pub http_metadata: HttpMetadata,
    /// Names and values of the application, of at most 8192 bytes in total.
    pub custom_metadata: Option<M>,
    /// The checksum that the content must have.
    pub checksum: Option<Checksum>,
    /// The storage class. `None` is that of the bucket.
    pub storage_class: Option<StorageClass>,
    /// The maximum number of bytes of the object. Nothing is stored if the content has more.
    pub max_bytes: Option<u64>,
    /// The bytes of each part but the last, if the content is uploaded in parts.
    pub part_bytes: usize,
    /// The parts that are uploaded at the same time.
    pub parallel_parts: usize,
}

impl<M> Default for PutOptions<M> {
    fn default() -> Self {
        Self {
            http_metadata: HttpMetadata::default(),
            custom_metadata: None,
            checksum: None,
            storage_class: None,
            max_bytes: None,
            part_bytes: crate::limits::r2::MIN_PART_BYTES,
            parallel_parts: 1,
        }
    }
}

impl<M> PutOptions<M> {
    /// Sets the `Content-Type`.
    #[must_use]
    pub fn content_type(mut self, value: impl Into<String>) -> Self {
        self.http_metadata.content_type = Some(value.into());
        self
    }

    /// Sets the `Content-Language`.
    #[must_use]
    pub fn content_language(mut self, value: impl Into<String>) -> Self {
        self.http_metadata.content_language = Some(value.into());
        self
    }

    /// Sets the `Content-Disposition`.
    #[must_use]
    pub fn content_disposition(mut self, value: impl Into<String>) -> Self {
        self.http_metadata.content_disposition = Some(value.into());
        self
    }

    /// Sets the `Content-Encoding`.
    #[must_use]
    pub fn content_encoding(mut self, value: impl Into<String>) -> Self {
        self.http_metadata.content_encoding = Some(value.into());
        self
    }

    /// Sets the `Cache-Control`.
    #[must_use]
    pub fn cache_control(mut self, value: impl Into<String>) -> Self {
        self.http_metadata.cache_control = Some(value.into());
        self
    }

    /// Sets the `Expires`. A fraction of a second is ignored.
    #[must_use]
    pub fn cache_expires(mut self, time: SystemTime) -> Self {
        self.http_metadata.cache_expires = Some(time);
        self
    }

    /// Sets the metadata of the application: at most 8192 bytes in total.
    #[must_use]
    pub fn metadata(mut self, metadata: M) -> Self {
        self.custom_metadata = Some(metadata);
        self
    }

    /// Stores nothing if the content does not have the checksum.
    ///
    /// Content of more than one part has to have a [known length](super::Content::with_length): R2
    /// does not check the parts of a multipart upload.
    #[must_use]
    pub fn checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Sets the storage class.
    #[must_use]
    pub fn storage_class(mut self, class: StorageClass) -> Self {
        self.storage_class = Some(class);
        self
    }

    /// Stores nothing if the content has more than `bytes` bytes.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Sets the bytes of each part but the last, and how many parts are uploaded at the same time,
    /// if the content is uploaded in parts. All of them are in memory.
    ///
    /// A part has from 5 MiB, which is the default, to 5 GiB. An object has at most 10,000 parts:
    /// with parts of 5 MiB, that is 48.8 GiB. Natively content has no parts.
    #[must_use]
    pub fn parts(mut self, bytes: usize, parallel: usize) -> Self {
        self.part_bytes = bytes;
        self.parallel_parts = parallel;
        self
    }
}

impl PutOptions<Metadata> {
    /// Adds a name and a value of the application: at most 8192 bytes in total.
    #[must_use]
    pub fn custom_metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let metadata = self.custom_metadata.get_or_insert_default();
        metadata.insert(name.into(), value.into());
        self
    }
}

/// Which bytes of an object to read.
///
/// # Examples
/// ```
/// use bindery::r2::Range;
///
/// let first = Range::from(..1024);
/// let middle = Range::from(100..200);
/// let rest = Range::from(1024..);
/// let last = Range::last(1024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range(pub(crate) Part);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// From an offset, to the end or with a length.
    From(u64, Option<u64>),
    /// A number of bytes at the end.
    Last(u64),
}

impl Range {
    /// The last `bytes` bytes.
    #[must_use]
    pub fn last(bytes: u64) -> Self {
        Self(Part::Last(bytes))
    }

    /// Returns the offset and the number of bytes in an object of `size` bytes, or `None` if there
    /// are none.
    pub(crate) fn within(self, size: u64) -> Option<(u64, u64)> {
        let (offset, length) = match self.0 {
            Part::From(offset, length) => (offset, length.unwrap_or(u64::MAX)),
            Part::Last(bytes) => (size.saturating_sub(bytes), bytes),
        };
        let left = size.checked_sub(offset)?;
        let length = length.min(left);
        (length > 0).then_some((offset, length))
    }
}

impl From<Bounds<u64>> for Range {
    fn from(bounds: Bounds<u64>) -> Self {
        let length = bounds.end.saturating_sub(bounds.start);
        Self(Part::From(bounds.start, Some(length)))
    }
}

impl From<RangeFrom<u64>> for Range {
    fn from(bounds: RangeFrom<u64>) -> Self {
        Self(Part::From(bounds.start, None))
    }
}

impl From<RangeTo<u64>> for Range {
    fn from(bounds: RangeTo<u64>) -> Self {
        Self(Part::From(0, Some(bounds.end)))
    }
}

/// The options of a get.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct GetOptions {
    /// The bytes to read. `None` is the whole object.
    pub range: Option<Range>,
    /// The condition under which the content is returned.
    pub condition: Option<super::Condition>,
}

impl GetOptions {
    /// Reads only some of the bytes.
    ///
    /// <https://developers.cloudflare.com/r2/api/workers/workers-api-reference/#ranged-reads>
    #[must_use]
    pub fn range(mut self, range: impl Into<Range>) -> Self {
        self.range = Some(range.into());
        self
    }

    /// Returns the content only if the object meets a condition.
    ///
    /// <https://developers.cloudflare.com/r2/api/workers/workers-api-reference/#conditional-operations>
    #[must_use]
    pub fn condition(mut self, condition: super::Condition) -> Self {
        self.condition = Some(condition);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Range;

    #[test]
    fn a_range_is_cut_at_the_end_of_the_object() {
        assert_eq!(Range::from(2..5).within(10), Some((2, 3)));
        assert_eq!(Range::from(8..50).within(10), Some((8, 2)));
        assert_eq!(Range::from(..50).within(10), Some((0, 10)));
        assert_eq!(Range::from(9..).within(10), Some((9, 1)));
        assert_eq!(Range::from(10..).within(10), None);
        assert_eq!(Range::from(11..).within(10), None);
        assert_eq!(Range::from(..0).within(10), None);
        assert_eq!(Range::last(3).within(10), Some((7, 3)));
        assert_eq!(Range::last(30).within(10), Some((0, 10)));
        assert_eq!(Range::last(0).within(10), None);
        assert_eq!(Range::last(3).within(0), None);
    }
}
