//! R2 on Workers.

use std::collections::VecDeque;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http_body::Body as _;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::d1::Cell;
use crate::d1::scan::Scanner;
use crate::error::{ErrorKind, Failure};
use crate::limits::r2::{MIN_PART_BYTES, PARTS, PUT_BYTES};
use crate::r2::{
    Checksum, Checksums, Condition, FoundObject, GetOptions, HttpMetadata, ListRequest, Listing,
    Metadata, ObjectInfo, Part, PutRequest, StorageClass, Upload, UploadedPart,
};

use super::clock::milliseconds;
use super::js::{Handle, call, call_async, get, get_text, object, optional, outcome, send, start};
use super::platform;
use super::stream::{Length, body_of, send_stream, take_stream, with_length};

#[derive(Debug, Clone)]
pub(crate) struct R2(pub(super) Handle);

impl R2 {
    /// Stores an object. Content in memory or of a known length is one call, and so is content of
    /// up to one part; the rest is a multipart upload.
    pub(crate) async fn put(
        &self,
        key: &str,
        mut upload: Upload<'_>,
        request: &PutRequest,
    ) -> Result<Option<ObjectInfo>, Failure> {
        send(async {
            let content = if let Some(bytes) = upload.in_memory().cloned() {
                // Checks the declared length.
                while upload.chunk().await?.is_some() {}
                Uint8Array::from(&*bytes).into()
            } else if let Some(length) = upload.length().filter(|length| *length <= PUT_BYTES) {
                // A body of another length is checked while it is sent.
                let body = upload.body_mut();
                let body = body.filter(|body| body.size_hint().exact() == Some(length));
                match body.and_then(take_stream) {
                    Some((stream, Some(_))) => stream,
                    Some((stream, None)) => with_length(&stream, length)?,
                    None => {
                        let put = async |content| self.put_content(key, content, request).await;
                        return send_stream(upload, length, put).await;
                    }
                }
            } else {
                if let Some(reason) = request.needs_one_call() {
                    upload.require_length(MIN_PART_BYTES, reason);
                }
                let mut parts = Parts::new(upload, request.part_bytes);
                let first = parts.next().await?.unwrap_or_default();
                if !parts.is_complete() {
                    return self.put_parts(key, first, parts, request).await.map(Some);
                }
                Uint8Array::from(&*first).into()
            };
            // In one place: others would generate its code again.
            self.put_content(key, content, request).await
        })
        .await
    }

    async fn put_content(
        &self,
        key: &str,
        content: JsValue,
        request: &PutRequest,
    ) -> Result<Option<ObjectInfo>, Failure> {
        let arguments = [JsValue::from_str(key), content, put_options(request)?];
        let stored = self.call("put", &arguments).await?;
        found_info(&stored)
    }

    async fn put_parts(
        &self,
        key: &str,
        first: Bytes,
        mut parts: Parts<'_>,
        request: &PutRequest,
    ) -> Result<ObjectInfo, Failure> {
        let id = self.create_multipart(key, request).await?;
        let mut multipart = Multipart {
            upload: self.resume(key, &id)?,
            parts: Vec::new(),
            is_complete: false,
        };

        let mut running = FuturesUnordered::new();
        let mut next = Some(first);
        for number in 1.. {
            let Some(bytes) = next.take() else { break };
            if number > PARTS {
                return Err(too_many_parts(request.part_bytes));
            }
            running.push(upload_bytes(&multipart.upload, number, &bytes));
            drop(bytes);
            // Later parts are read while earlier ones are uploaded, up to the limit.
            if running.len() >= request.parallel_parts
                && let Some(part) = running.next().await
            {
                multipart.add(part?);
            }
            next = parts.next().await?;
        }
        while let Some(part) = running.next().await {
            multipart.add(part?);
        }
        multipart.complete().await
    }

    pub(crate) async fn get(
        &self,
        key: &str,
        options: &GetOptions,
    ) -> Result<Option<FoundObject>, Failure> {
        send(async {
            let options = match (options.range, &options.condition) {
                (None, None) => JsValue::UNDEFINED,
                (range, condition) => object(&[
                    ("range", range.map(|range| range_of(range.0)).into()),
                    ("onlyIf", condition_of(condition.as_ref())?),
                ]),
            };
            let found = platform::get_object(self.0.value(), key, &options);
            let found = outcome(found).await.map_err(failure)?;
            let Some((info, range)) = read(&found)? else {
                return Ok(None);
            };

            let body = get(&found, "body");
            if body.is_undefined() {
                return Ok(Some((info, None)));
            }
            let offset = range.offset.unwrap_or_default();
            let rest = info.size.saturating_sub(offset);
            let length = range.length.unwrap_or(rest);
            let content = (body_of(&body, Length::Known(length)), (offset, length));
            Ok(Some((info, Some(content))))
        })
        .await
    }

    pub(crate) async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Failure> {
        send(async {
            let found = self.call("head", &[JsValue::from_str(key)]).await?;
            found_info(&found)
        })
        .await
    }

    /// Passes the stream of one object to another, which the platform does without the worker.
    pub(crate) async fn copy(&self, from: &str, to: &str) -> Result<Option<ObjectInfo>, Failure> {
        send(async {
            let found = self.call("get", &[JsValue::from_str(from)]).await?;
            if found.is_null() {
                return Ok(None);
            }

            let options = object(&[
                ("httpMetadata", get(&found, "httpMetadata")),
                ("customMetadata", get(&found, "customMetadata")),
                ("storageClass", get(&found, "storageClass")),
            ]);
            let arguments = [JsValue::from_str(to), get(&found, "body"), options];
            let stored = self.call("put", &arguments).await?;
            found_info(&stored)
        })
        .await
    }

    pub(crate) async fn delete(&self, keys: &[String]) -> Result<(), Failure> {
        send(async {
            let keys: Array = keys.iter().map(|key| JsValue::from_str(key)).collect();
            self.call("delete", &[keys.into()]).await.map(drop)
        })
        .await
    }

    pub(crate) async fn list(&self, request: &ListRequest, limit: u32) -> Result<Listing, Failure> {
        send(async {
            let include = texts(&["httpMetadata", "customMetadata"]);
            let options = object(&[
                ("prefix", JsValue::from_str(&request.prefix)),
                ("cursor", optional(request.cursor.as_deref())),
                ("startAfter", optional(request.start_after.as_deref())),
                ("delimiter", optional(request.delimiter.as_deref())),
                ("limit", limit.into()),
                ("include", include),
            ]);
            let result = self.call("list", &[options]).await?;

            let array = |name| {
                let array = get(&result, name).dyn_into::<Array>();
                array.map(|array| array.to_vec()).unwrap_or_default()
            };
            let objects = array("objects");
            let prefixes = array("delimitedPrefixes");
            Ok(Listing {
                objects: objects.iter().map(info).collect::<Result<_, _>>()?,
                prefixes: prefixes.iter().filter_map(JsValue::as_string).collect(),
                cursor: get_text(&result, "cursor"),
            })
        })
        .await
    }

    pub(crate) async fn create_multipart(
        &self,
        key: &str,
        request: &PutRequest,
    ) -> Result<String, Failure> {
        send(async {
            let arguments = [JsValue::from_str(key), put_options(request)?];
            let upload = self.call("createMultipartUpload", &arguments).await?;
            let id = get_text(&upload, "uploadId");
            id.ok_or_else(|| Failure::new(ErrorKind::Decode, "the upload has no id"))
        })
        .await
    }

    /// Returns the etag of the part and its bytes.
    pub(crate) async fn upload_part(
        &self,
        key: &str,
        id: &str,
        number: u16,
        mut upload: Upload<'_>,
    ) -> Result<(String, u64), Failure> {
        send(async {
            let multipart = self.resume(key, id)?;
            let put = async |content| {
                let arguments = [JsValue::from(number), content];
                let part = call_async(&multipart, "uploadPart", &arguments).await;
                etag(&part.map_err(failure)?)
            };
            if let Some(length) = upload.length().filter(|_| upload.in_memory().is_none()) {
                return Ok((send_stream(upload, length, put).await?, length));
            }

            let mut bytes = Vec::new();
            while let Some(chunk) = upload.chunk().await? {
                bytes.extend_from_slice(&chunk);
            }
            let etag = put(Uint8Array::from(&*bytes).into()).await?;
            Ok((etag, bytes.len() as u64))
        })
        .await
    }

    pub(crate) async fn complete(
        &self,
        key: &str,
        id: &str,
        parts: &[UploadedPart],
    ) -> Result<ObjectInfo, Failure> {
        send(async {
            let parts = parts.iter().map(|part| (part.number, part.etag.clone()));
            let multipart = Multipart {
                upload: self.resume(key, id)?,
                parts: parts.collect(),
                // The caller can try again with other parts.
                is_complete: true,
            };
            multipart.complete().await
        })
        .await
    }

    pub(crate) async fn abort(&self, key: &str, id: &str) -> Result<(), Failure> {
        send(async {
            let multipart = self.resume(key, id)?;
            let aborted = call_async(&multipart, "abort", &[]).await;
            aborted.map(drop).map_err(failure)
        })
        .await
    }

    fn resume(&self, key: &str, id: &str) -> Result<JsValue, Failure> {
        let arguments = [JsValue::from_str(key), JsValue::from_str(id)];
        call(self.0.value(), "resumeMultipartUpload", &arguments)
    }

    async fn call(&self, method: &str, arguments: &[JsValue]) -> Result<JsValue, Failure> {
        let result = call_async(self.0.value(), method, arguments).await;
        result.map_err(failure)
    }
}

fn too_many_parts(part_bytes: usize) -> Failure {
    let message = format!(
        "the content has more than {PARTS} parts of {part_bytes} bytes; set larger parts with \
         `PutOptions::parts`"
    );
    Failure::new(ErrorKind::TooLarge, message)
}

/// An upload, cut into parts.
struct Parts<'c> {
    upload: Upload<'c>,
    buffer: Vec<u8>,
    part_bytes: usize,
    has_ended: bool,
}

impl<'c> Parts<'c> {
    fn new(upload: Upload<'c>, part_bytes: usize) -> Self {
        Self {
            upload,
            buffer: Vec::new(),
            part_bytes,
            has_ended: false,
        }
    }

    /// Whether every part was returned.
    fn is_complete(&self) -> bool {
        self.has_ended && self.buffer.is_empty()
    }

    /// Returns the next part; only the last one can be shorter.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        // Another byte shows that a full part is not the last one.
        while !self.has_ended && self.buffer.len() <= self.part_bytes {
            match self.upload.chunk().await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => self.has_ended = true,
            }
        }
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let rest = self
            .buffer
            .split_off(self.part_bytes.min(self.buffer.len()));
        Ok(Some(std::mem::replace(&mut self.buffer, rest).into()))
    }
}

/// A multipart upload. It is aborted if it is dropped before it is complete.
struct Multipart {
    upload: JsValue,
    /// The number and the etag of each part, in the order of the numbers.
    parts: Vec<(u16, String)>,
    is_complete: bool,
}

impl Multipart {
    /// Adds a part. Parts end in another order than they start.
    fn add(&mut self, part: (u16, String)) {
        let index = self.parts.partition_point(|(number, _)| *number < part.0);
        self.parts.insert(index, part);
    }

    async fn complete(mut self) -> Result<ObjectInfo, Failure> {
        let parts: Array = self
            .parts
            .iter()
            .map(|(number, etag)| {
                object(&[
                    ("partNumber", JsValue::from(*number)),
                    ("etag", JsValue::from_str(etag)),
                ])
            })
            .collect();
        let object = call_async(&self.upload, "complete", &[parts.into()]).await;
        let object = object.map_err(failure)?;
        self.is_complete = true;
        info(&object)
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        if !self.is_complete {
            // R2 aborts an incomplete upload itself after a week, so an error can be ignored.
            if let Ok(aborted) = call(&self.upload, "abort", &[]) {
                super::js::ignore(&aborted);
            }
        }
    }
}

/// Starts to upload a part. The future returns its number and etag.
fn upload_bytes(
    upload: &JsValue,
    number: u16,
    bytes: &[u8],
) -> impl Future<Output = Result<(u16, String), Failure>> + use<> {
    let arguments = [JsValue::from(number), Uint8Array::from(bytes).into()];
    let part = start(upload, "uploadPart", &arguments);
    async move {
        let part = part?.await;
        Ok((number, etag(&part.map_err(failure)?)?))
    }
}

fn etag(part: &JsValue) -> Result<String, Failure> {
    let etag = get_text(part, "etag");
    etag.ok_or_else(|| Failure::new(ErrorKind::Decode, "the part has no etag"))
}

/// Gives an error of R2 the kind of its code, which is at the end of its message: `(10039)`.
///
/// <https://developers.cloudflare.com/r2/api/error-codes/>
fn failure(failure: Failure) -> Failure {
    let code = failure.message.rsplit_once('(');
    let code = code.and_then(|(_, code)| code.strip_suffix(')'));
    let kind = match code {
        Some("10024") => ErrorKind::NotFound,
        Some("10012" | "100100" | "10100") => ErrorKind::TooLarge,
        Some("10011" | "10025" | "10029" | "10037" | "10039" | "10048") => {
            ErrorKind::InvalidArgument
        }
        Some("10043") => ErrorKind::Unavailable,
        Some("10058") => ErrorKind::Overloaded,
        _ => failure.kind,
    };
    failure.of_kind(kind)
}

fn texts(texts: &[&str]) -> JsValue {
    let texts: Array = texts.iter().map(|text| JsValue::from_str(text)).collect();
    texts.into()
}

fn put_options(request: &PutRequest) -> Result<JsValue, Failure> {
    let http = &request.http_metadata;
    let expires = http.cache_expires.map(|time| {
        let milliseconds = JsValue::from_f64(milliseconds(time));
        js_sys::Date::new(&milliseconds).into()
    });
    let http = object(&[
        ("contentType", optional(http.content_type.as_deref())),
        (
            "contentLanguage",
            optional(http.content_language.as_deref()),
        ),
        (
            "contentDisposition",
            optional(http.content_disposition.as_deref()),
        ),
        (
            "contentEncoding",
            optional(http.content_encoding.as_deref()),
        ),
        ("cacheControl", optional(http.cache_control.as_deref())),
        ("cacheExpiry", expires.unwrap_or(JsValue::UNDEFINED)),
    ]);
    let custom = request.custom_metadata.iter();
    let custom: Vec<(&str, JsValue)> = custom
        .map(|(name, value)| (name.as_str(), JsValue::from_str(value)))
        .collect();
    let (algorithm, digest) = match &request.checksum {
        None => ("md5", JsValue::UNDEFINED),
        Some(checksum) => digest(checksum),
    };
    let class = request.storage_class.map(StorageClass::name);
    Ok(object(&[
        ("httpMetadata", http),
        ("customMetadata", object(&custom)),
        ("storageClass", optional(class)),
        ("onlyIf", condition_of(request.condition.as_ref())?),
        (algorithm, digest),
    ]))
}

fn digest(checksum: &Checksum) -> (&'static str, JsValue) {
    let (algorithm, bytes): (_, &[u8]) = match checksum {
        Checksum::Md5(bytes) => ("md5", bytes),
        Checksum::Sha1(bytes) => ("sha1", bytes),
        Checksum::Sha256(bytes) => ("sha256", bytes),
        Checksum::Sha384(bytes) => ("sha384", bytes),
        Checksum::Sha512(bytes) => ("sha512", bytes),
    };
    (algorithm, Uint8Array::from(bytes).into())
}

/// A condition as headers, which can list several etags.
fn condition_of(condition: Option<&Condition>) -> Result<JsValue, Failure> {
    let Some(condition) = condition else {
        return Ok(JsValue::UNDEFINED);
    };
    let malformed = |_| {
        let message = "the condition is not a valid header";
        Failure::new(ErrorKind::InvalidArgument, message)
    };
    let headers = web_sys::Headers::new().map_err(malformed)?;
    for (name, value) in condition.headers() {
        headers.set(name, &value).map_err(malformed)?;
    }
    Ok(headers.into())
}

fn range_of(range: Part) -> JsValue {
    let number = |number: u64| JsValue::from_f64(number as f64);
    match range {
        Part::Last(bytes) => object(&[("suffix", number(bytes))]),
        Part::From(offset, length) => object(&[
            ("offset", number(offset)),
            ("length", length.map_or(JsValue::UNDEFINED, number)),
        ]),
    }
}

/// Reads an `R2Object`, or null.
fn found_info(found: &JsValue) -> Result<Option<ObjectInfo>, Failure> {
    Ok(read(found)?.map(|(info, _)| info))
}

/// Reads an `R2Object`.
fn info(found: &JsValue) -> Result<ObjectInfo, Failure> {
    found_info(found)?.ok_or_else(not_an_object)
}

fn not_an_object() -> Failure {
    Failure::new(ErrorKind::Decode, "the result is not an R2 object")
}

/// The first byte of the content of a get, and the number of its bytes.
#[derive(Default)]
struct ContentRange {
    offset: Option<u64>,
    length: Option<u64>,
}

/// Reads the properties of an `R2Object`, which cross as one text. Returns `None` for null.
fn read(found: &JsValue) -> Result<Option<(ObjectInfo, ContentRange)>, Failure> {
    let json = platform::object_info(found).map_err(|_| not_an_object())?;
    let Some(json) = json else { return Ok(None) };
    let mut scanner = Scanner::new(&json).map_err(|_| not_an_object())?;

    // The other values are only read after the last error: each error would drop those before it.
    let mut values = Values::next(&mut scanner);
    let (Some(size), Some(uploaded)) = (values.number(2), values.time(4)) else {
        return Err(not_an_object());
    };
    let mut http = Values::next(&mut scanner);
    let mut digests = Values::next(&mut scanner);
    let info = ObjectInfo {
        size,
        uploaded,
        key: values.text(0).unwrap_or_default(),
        version: values.text(1).unwrap_or_default(),
        etag: values.text(3).unwrap_or_default(),
        storage_class: StorageClass::from_name(&values.text(5).unwrap_or_default()),
        http_metadata: HttpMetadata {
            content_type: http.text(0),
            content_language: http.text(1),
            content_disposition: http.text(2),
            content_encoding: http.text(3),
            cache_control: http.text(4),
            cache_expires: http.time(5),
        },
        checksums: Checksums {
            md5: digests.bytes(0),
            sha1: digests.bytes(1),
            sha256: digests.bytes(2),
            sha384: digests.bytes(3),
            sha512: digests.bytes(4),
        },
        custom_metadata: Values::next(&mut scanner).pairs(),
    };
    let range = ContentRange {
        offset: values.number(6),
        length: values.number(7),
    };
    Ok(Some((info, range)))
}

/// One array of values. Its functions are not inlined, because there are many values.
struct Values<'j>(Vec<Cell<'j>>);

impl<'j> Values<'j> {
    /// Reads the next array. Without one there are no values.
    #[inline(never)]
    fn next(scanner: &mut Scanner<'j>) -> Self {
        let mut cells = Vec::new();
        let _ = scanner.row(&mut cells, &mut VecDeque::new());
        Self(cells)
    }

    fn pairs(mut self) -> Metadata {
        let mut pairs = Metadata::new();
        for index in (0..self.0.len()).step_by(2) {
            if let (Some(name), Some(value)) = (self.text(index), self.text(index + 1)) {
                pairs.insert(name, value);
            }
        }
        pairs
    }

    #[inline(never)]
    fn text(&mut self, index: usize) -> Option<String> {
        match self.0.get_mut(index) {
            Some(Cell::Text(text)) => Some(std::mem::take(text).into_owned()),
            _ => None,
        }
    }

    #[inline(never)]
    fn number(&self, index: usize) -> Option<u64> {
        match self.0.get(index) {
            Some(Cell::Integer(number)) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// Milliseconds since the Unix epoch.
    fn time(&self, index: usize) -> Option<SystemTime> {
        let milliseconds = self.number(index)?;
        Some(UNIX_EPOCH + Duration::from_millis(milliseconds))
    }

    /// Hexadecimal digits.
    #[inline(never)]
    fn bytes(&mut self, index: usize) -> Option<Vec<u8>> {
        let digits = self.text(index)?;
        let starts = (0..digits.len()).step_by(2);
        let bytes = starts.map(|start| u8::from_str_radix(digits.get(start..start + 2)?, 16).ok());
        bytes.collect()
    }
}
