//! Presigned URLs: requests to R2's S3 API that a client can send without credentials.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
    CONTENT_TYPE, EXPIRES,
};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use rusty_s3::signing::sign;
use rusty_s3::{Bucket, Method, UrlStyle};

use super::core::{Core, PutRequest, check_key, check_part};
use super::key::{KeyOf, MetadataOf};
use super::options::{Checksum, PutOptions, StorageClass};
use crate::backend;
use crate::bindings::key::Binding;
use crate::error::{ErrorKind, Failure, Result};
use crate::limits::{self, r2::PRESIGN_PAGE as PAGE};
use crate::time;

/// The region of all buckets.
const REGION: &str = "auto";

/// The header of a checksum that the S3 API has besides those of HTTP.
pub(crate) const CONTENT_MD5: &str = "content-md5";
/// The prefix of the headers with the metadata of the application.
pub(crate) const META_PREFIX: &str = "x-amz-meta-";
pub(crate) const CHECKSUM_SHA1: &str = "x-amz-checksum-sha1";
pub(crate) const CHECKSUM_SHA256: &str = "x-amz-checksum-sha256";
pub(crate) const STORAGE_CLASS: &str = "x-amz-storage-class";

/// Signs URLs with which a client reads or writes single objects of a bucket, without passing the
/// content through the worker. Created by [`R2::signer`](super::R2::signer).
///
/// A URL is valid for one method and one key until it expires: after at least a second and at most
/// 7 days. Signing makes no call to the platform. Whoever has the URL can use it, so do not log it.
///
/// <https://developers.cloudflare.com/r2/api/s3/presigned-urls/>
///
/// # Errors
/// Every method fails with an error of kind `InvalidArgument` if the time is not valid, or if the
/// key has a segment `.` or `..`, which no URL can contain. See also [`R2`](super::R2).
pub struct Signer<'a, B> {
    core: &'a Core,
    bucket: Bucket,
    access_key_id: String,
    secret_access_key: String,
    binding: PhantomData<fn() -> B>,
}

impl<B> fmt::Debug for Signer<'_, B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Signer")
            .field("bucket", &self.bucket.base_url().as_str())
            .finish_non_exhaustive()
    }
}

/// A request that a client can send. It serializes as JSON for `fetch` of a browser:
/// `fetch(request.url, { method: request.method, headers: request.headers, body })`.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct PresignedRequest {
    /// The method.
    pub method: &'static str,
    /// The URL.
    pub url: String,
    /// The headers that the client has to send with exactly these values.
    pub headers: BTreeMap<String, String>,
}

/// Does not print the URL, which is a credential.
impl fmt::Debug for PresignedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PresignedRequest")
            .field("method", &self.method)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

impl<'a, B: Binding> Signer<'a, B> {
    pub(super) fn new(
        core: &'a Core,
        bucket_url: &str,
        access_key_id: &str,
        secret_access_key: &str,
    ) -> Result<Self, Failure> {
        let bucket = bucket(bucket_url).ok_or_else(|| {
            let message = format!(
                "the URL of the bucket does not have the form \
                 https://ACCOUNT.r2.cloudflarestorage.com/BUCKET; see {PAGE}"
            );
            Failure::new(ErrorKind::Misconfigured, message)
        })?;

        if access_key_id.is_empty() || secret_access_key.is_empty() {
            let message = "the credentials of the S3 API are empty";
            return Err(Failure::new(ErrorKind::Misconfigured, message));
        }
        Ok(Self {
            core,
            bucket,
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            binding: PhantomData,
        })
    }

    /// Signs a GET of an object.
    ///
    /// # Errors
    /// See [`Signer`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::Signer};
    /// # fn f<B: Binding>(signer: &Signer<'_, B>) -> bindery::Result<()> {
    /// use std::time::Duration;
    ///
    /// let download = signer.get("report.pdf", Duration::from_secs(300))?;
    /// println!("{}", download.url);
    /// # Ok(()) }
    /// ```
    pub fn get<K: KeyOf<B::Name> + ?Sized>(
        &self,
        key: &K,
        valid_for: Duration,
    ) -> Result<PresignedRequest> {
        self.presign(Method::Get, &key.key(), valid_for, Ok(Parts::default()))
    }

    /// Signs a HEAD of an object.
    ///
    /// # Errors
    /// See [`Signer`].
    pub fn head<K: KeyOf<B::Name> + ?Sized>(
        &self,
        key: &K,
        valid_for: Duration,
    ) -> Result<PresignedRequest> {
        self.presign(Method::Head, &key.key(), valid_for, Ok(Parts::default()))
    }

    /// Signs a DELETE of an object.
    ///
    /// # Errors
    /// See [`Signer`].
    pub fn delete<K: KeyOf<B::Name> + ?Sized>(
        &self,
        key: &K,
        valid_for: Duration,
    ) -> Result<PresignedRequest> {
        self.presign(Method::Delete, &key.key(), valid_for, Ok(Parts::default()))
    }

    /// Signs a PUT of an object of exactly `bytes` bytes.
    ///
    /// The length is signed, because a URL without it would accept any content, at your expense.
    /// Let the client declare it, and check it before signing.
    ///
    /// The options become headers that the client has to send. Sign the content type of an upload
    /// that is served to others, so that an image cannot be a page.
    ///
    /// # Errors
    /// `TooLarge` if `bytes` exceeds [`PutOptions::max_bytes`] or the 4.995 GiB of one put, or the
    /// metadata 8192 bytes. `InvalidArgument` if the metadata is not ASCII, or a name in it is not
    /// in lower case, because it is sent in headers. `Unsupported` for SHA-384 and SHA-512. See
    /// also [`Signer`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::Signer};
    /// # fn f<B: Binding>(signer: &Signer<'_, B>, bytes: u64) -> bindery::Result<String> {
    /// use std::time::Duration;
    ///
    /// use bindery::r2::PutOptions;
    ///
    /// let options = PutOptions::default()
    ///     .content_type("image/png")
    ///     .max_bytes(10_000_000);
    /// let upload = signer.put("avatars/ann.png", bytes, Duration::from_secs(600), options)?;
    /// Ok(upload.url)
    /// # }
    /// ```
    pub fn put<K: KeyOf<B::Name> + ?Sized>(
        &self,
        key: &K,
        bytes: u64,
        valid_for: Duration,
        options: PutOptions<MetadataOf<K>>,
    ) -> Result<PresignedRequest> {
        let request = super::request::<K::Metadata>(None, options);
        let parts = request.and_then(|request| put_parts(&request, bytes));
        self.presign(Method::Put, &key.key(), valid_for, parts)
    }

    /// Signs the upload of a part of exactly `bytes` bytes. The worker
    /// [creates](super::R2::create_multipart) the upload before, and
    /// [completes](super::Multipart::complete) it afterwards with the `ETag` of each response.
    ///
    /// # Errors
    /// See [`Signer`] and [`Multipart::upload_part`](super::Multipart::upload_part).
    pub fn upload_part<K: KeyOf<B::Name> + ?Sized>(
        &self,
        key: &K,
        id: &str,
        number: u16,
        bytes: u64,
        valid_for: Duration,
    ) -> Result<PresignedRequest> {
        let parts = check_part(number).and_then(|()| {
            let mut parts = Parts::of_length(bytes, limits::r2::MAX_PART_BYTES)?;
            parts.query.insert("partNumber", number.to_string());
            parts.query.insert("uploadId", id.to_owned());
            Ok(parts)
        });
        self.presign(Method::Put, &key.key(), valid_for, parts)
    }

    fn presign(
        &self,
        method: Method,
        key: &str,
        valid_for: Duration,
        parts: Result<Parts, Failure>,
    ) -> Result<PresignedRequest> {
        let now = time::now();
        let signed = parts.and_then(|parts| self.sign(method, key, valid_for, now, parts));
        signed.map_err(|failure| self.core.gate.failed("presign", failure))
    }

    fn sign(
        &self,
        method: Method,
        key: &str,
        valid_for: Duration,
        now: SystemTime,
        parts: Parts,
    ) -> Result<PresignedRequest, Failure> {
        check_key(key)?;
        let seconds = valid_for.as_secs();
        if !(1..=limits::r2::PRESIGN_SECONDS).contains(&seconds) {
            let message = format!(
                "a presigned URL is valid for 1 second to 7 days, not {seconds} s; see {PAGE}"
            );
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        let url = self.bucket.object_url(key);
        let path = url.path().strip_prefix(self.bucket.base_url().path());
        let is_kept = path.is_some_and(|path| percent_decode_str(path).eq(key.bytes()));
        if !is_kept {
            let message = "the key has a segment `.` or `..`, which no URL can contain";
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }

        let pairs = |map: &'_ BTreeMap<_, _>| -> Vec<(&'static str, String)> {
            map.iter()
                .map(|(name, value): (&&str, &String)| (*name, value.clone()))
                .collect()
        };
        let query = pairs(&parts.query);
        let signed = sign(
            &timestamp(now)?,
            method,
            url,
            &self.access_key_id,
            &self.secret_access_key,
            None,
            REGION,
            seconds,
            query.iter().map(|(name, value)| (*name, &**value)),
            parts
                .headers
                .iter()
                .map(|(name, value)| (&**name, &**value)),
        );

        // A browser sends the length by itself, and ignores it here.
        let mut headers = parts.headers;
        headers.remove(CONTENT_LENGTH.as_str());
        Ok(PresignedRequest {
            method: method.to_str(),
            url: signed.into(),
            headers,
        })
    }
}

/// The signed parts of a request besides its method and path.
#[derive(Default)]
struct Parts {
    query: BTreeMap<&'static str, String>,
    headers: BTreeMap<String, String>,
}

impl Parts {
    fn of_length(bytes: u64, max: u64) -> Result<Self, Failure> {
        if bytes > max {
            let page = limits::r2::PAGE;
            let message = format!("the content has {bytes} bytes, more than {max}; see {page}");
            return Err(Failure::new(ErrorKind::TooLarge, message));
        }
        let mut parts = Self::default();
        parts
            .headers
            .insert(CONTENT_LENGTH.to_string(), bytes.to_string());
        Ok(parts)
    }
}

/// The headers with which a put has options.
fn put_parts(request: &PutRequest, bytes: u64) -> Result<Parts, Failure> {
    super::core::check_put(request)?;
    let max = request.max_bytes.unwrap_or(u64::MAX);
    let mut parts = Parts::of_length(bytes, max.min(limits::r2::PUT_BYTES))?;

    let http = &request.http_metadata;
    let expires = http.cache_expires.map(backend::http_date);
    let named = [
        (CACHE_CONTROL, &http.cache_control),
        (CONTENT_DISPOSITION, &http.content_disposition),
        (CONTENT_ENCODING, &http.content_encoding),
        (CONTENT_LANGUAGE, &http.content_language),
        (CONTENT_TYPE, &http.content_type),
        (EXPIRES, &expires),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            parts.headers.insert(name.to_string(), value.clone());
        }
    }
    if let Some(checksum) = &request.checksum {
        let (name, bytes): (_, &[u8]) = match checksum {
            Checksum::Md5(bytes) => (CONTENT_MD5, bytes),
            Checksum::Sha1(bytes) => (CHECKSUM_SHA1, bytes),
            Checksum::Sha256(bytes) => (CHECKSUM_SHA256, bytes),
            Checksum::Sha384(_) | Checksum::Sha512(_) => {
                let message = "the S3 API has no SHA-384 and SHA-512; use SHA-256";
                return Err(Failure::new(ErrorKind::Unsupported, message));
            }
        };
        parts
            .headers
            .insert(name.to_owned(), STANDARD.encode(bytes));
    }
    if let Some(class) = request.storage_class {
        let class = match class {
            StorageClass::Standard => "STANDARD",
            StorageClass::InfrequentAccess => "STANDARD_IA",
        };
        parts
            .headers
            .insert(STORAGE_CLASS.to_owned(), class.to_owned());
    }
    for (name, value) in &request.custom_metadata {
        let is_name = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if name.is_empty() || !name.bytes().all(is_name) {
            let message = format!(
                "the name `{name}` of the metadata is sent in a header, so it consists of lower \
                 case letters, digits, `-` and `_`"
            );
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        parts
            .headers
            .insert(format!("{META_PREFIX}{name}"), value.clone());
    }

    // Spaces at the ends are lost on the way, and so is the difference between one and several.
    let is_exact = |value: &str| {
        value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
            && value.split(' ').all(|word| !word.is_empty())
    };
    match parts.headers.iter().find(|(_, value)| !is_exact(value)) {
        None => Ok(parts),
        Some((name, _)) => {
            let message = format!(
                "the value of `{name}` is sent in a header, so it is ASCII without line breaks, \
                 and its words are separated by one space"
            );
            Err(Failure::new(ErrorKind::InvalidArgument, message))
        }
    }
}

/// The bucket of a URL whose last segment is its name.
fn bucket(url: &str) -> Option<Bucket> {
    let (endpoint, name) = url.trim_end_matches('/').rsplit_once('/')?;
    if name.is_empty() || name.contains(['?', '#']) {
        return None;
    }
    Bucket::new(
        endpoint.parse().ok()?,
        UrlStyle::Path,
        name.to_owned(),
        REGION,
    )
    .ok()
}

fn timestamp(time: SystemTime) -> Result<Timestamp, Failure> {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok();
    let seconds = since_epoch.and_then(|time| i64::try_from(time.as_secs()).ok());
    let timestamp = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    timestamp.ok_or_else(|| Failure::new(ErrorKind::Internal, "the time is not valid"))
}
