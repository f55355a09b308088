//! The uploads of the S3 API: objects and parts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG,
    EXPIRES, HeaderValue,
};
use http::{HeaderMap, StatusCode};

use super::{Refusal, refused};
use crate::http::{Body, Response};
use crate::r2::presign::{CHECKSUM_SHA1, CHECKSUM_SHA256, CONTENT_MD5, META_PREFIX, STORAGE_CLASS};
use crate::r2::{
    Checksum, Condition, Core, HttpMetadata, Metadata, PutOptions, PutRequest, StorageClass,
};

/// Stores an object.
pub(super) async fn object(
    core: &Core,
    key: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let request = request(headers)?;
    let stored = core
        .put(key, body.into(), Ok(request))
        .await
        .map_err(refused)?;
    let Some(info) = stored else {
        let message = "the stored object does not meet the condition";
        return Err(Refusal::new(
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailed",
            message,
        ));
    };
    Ok(with_etag(&info.etag))
}

/// Stores a part of an upload.
pub(super) async fn part(
    core: &Core,
    key: &str,
    id: &str,
    number: Option<&str>,
    body: Body,
) -> Result<Response, Refusal> {
    let number = number.and_then(|number| number.parse().ok());
    let number = number.ok_or_else(|| invalid("the parameter partNumber is not valid"))?;
    let stored = core.upload_part(key, id, number, body.into()).await;
    Ok(with_etag(&stored.map_err(refused)?))
}

fn with_etag(etag: &str) -> Response {
    let mut response = Response::new(Body::empty());
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{etag}\"")) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

/// The options of a put, as its headers have them.
fn request(headers: &HeaderMap) -> Result<PutRequest, Refusal> {
    let text = |name: &str| text(headers, name).map(str::to_owned);
    let expires = text(EXPIRES.as_str());
    let http_metadata = HttpMetadata {
        content_type: text(CONTENT_TYPE.as_str()),
        content_language: text(CONTENT_LANGUAGE.as_str()),
        content_disposition: text(CONTENT_DISPOSITION.as_str()),
        content_encoding: text(CONTENT_ENCODING.as_str()),
        cache_control: text(CACHE_CONTROL.as_str()),
        cache_expires: expires.and_then(|time| httpdate::parse_http_date(&time).ok()),
    };

    let mut custom_metadata = Metadata::new();
    for (name, value) in headers {
        if let Some(name) = name.as_str().strip_prefix(META_PREFIX) {
            let value = value
                .to_str()
                .map_err(|_| invalid("the metadata is not ASCII"))?;
            custom_metadata.insert(name.to_owned(), value.to_owned());
        }
    }

    let storage_class = match text(STORAGE_CLASS).as_deref() {
        None => None,
        Some("STANDARD") => Some(StorageClass::Standard),
        Some("STANDARD_IA") => Some(StorageClass::InfrequentAccess),
        Some(_) => return Err(invalid("the storage class is not known")),
    };
    // The parts of an upload of several parts have no meaning here.
    let options = PutOptions::<Metadata>::default();
    Ok(PutRequest {
        http_metadata,
        custom_metadata,
        checksum: checksum(headers)?,
        storage_class,
        condition: Condition::from_headers(headers),
        max_bytes: None,
        part_bytes: options.part_bytes,
        parallel_parts: options.parallel_parts,
    })
}

fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, Refusal> {
    for name in [CONTENT_MD5, CHECKSUM_SHA1, CHECKSUM_SHA256] {
        let Some(text) = text(headers, name) else {
            continue;
        };
        let bytes = STANDARD.decode(text).unwrap_or_default();
        let checksum = match name {
            CONTENT_MD5 => bytes.try_into().map(Checksum::Md5).ok(),
            CHECKSUM_SHA1 => bytes.try_into().map(Checksum::Sha1).ok(),
            _ => bytes.try_into().map(Checksum::Sha256).ok(),
        };
        let invalid = || Refusal::new(StatusCode::BAD_REQUEST, "InvalidDigest", name);
        return checksum.ok_or_else(invalid).map(Some);
    }
    Ok(None)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "InvalidArgument", message)
}
