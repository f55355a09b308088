//! Presigned requests, which the worker sends to the S3 API of its own server.

use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode, Uri};
use bindery::http::{UrlSigner, fetch};
use bindery::r2::{Checksum, PresignedRequest, PutOptions, Signer, StorageClass, UploadedPart};
use bindery::{Body, ErrorKind, Request, Response, time};
use http_body_util::BodyExt;

use crate::{Env, Outcome, same};

const MINUTE: Duration = Duration::from_secs(60);
const MIB: usize = 1024 * 1024;

type Signed<'a> = Signer<'a, crate::bindings::Storage>;

/// Sends a presigned request, and returns the status, the headers and the body.
async fn send(
    request: &PresignedRequest,
    body: impl Into<Body>,
) -> Result<(u16, HeaderMap, String), Box<dyn std::error::Error + Send + Sync>> {
    let mut builder = Request::builder().method(request.method).uri(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let response: Response = fetch(builder.body(body.into())?).await?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok((parts.status.as_u16(), parts.headers, body))
}

/// The status and the code of a refusal.
async fn refusal(
    request: &PresignedRequest,
    body: &'static str,
) -> Result<(u16, String), Box<dyn std::error::Error + Send + Sync>> {
    let (status, _, text) = send(request, body).await?;
    let code = text
        .split("<Code>")
        .nth(1)
        .and_then(|rest| rest.split('<').next());
    Ok((status, code.unwrap_or_default().to_owned()))
}

/// Runs every step. `bucket_url` is the URL of the bucket `STORAGE` in the S3 API.
///
/// # Errors
/// The first difference.
pub async fn requests(env: Env, bucket_url: &str) -> Outcome {
    let signer = env.storage.signer(bucket_url, "an-id", "a secret")?;
    same!(format!("{signer:?}").contains("secret"), false);
    objects(&env, &signer).await?;
    keys(&env, &signer).await?;
    changed(&env, &signer).await?;
    parts(&env, &signer).await?;
    before_signing(&env, &signer)
}

/// An object is stored, described, read and deleted.
async fn objects(env: &Env, signer: &Signed<'_>) -> Outcome {
    let options = PutOptions::default()
        .content_type("text/plain")
        .content_disposition("attachment; filename=\"a.txt\"")
        .cache_control("no-cache")
        .custom_metadata("owner", "ann")
        .storage_class(StorageClass::Standard)
        .checksum(Checksum::Md5([
            0x5d, 0x41, 0x40, 0x2a, 0xbc, 0x4b, 0x2a, 0x76, 0xb9, 0x71, 0x9d, 0x91, 0x10, 0x17,
            0xc5, 0x92,
        ]));
    let put = signer.put("direct", 5, MINUTE, options)?;
    let (status, headers, text) = send(&put, "hello").await?;
    same!((status, &*text), (200, ""));
    same!(headers["etag"], "\"5d41402abc4b2a76b9719d911017c592\"");

    let object = env.storage.get("direct").await?.ok_or("it is stored")?;
    let http = &object.info.http_metadata;
    same!(http.content_type.as_deref(), Some("text/plain"));
    same!(
        http.content_disposition.as_deref(),
        Some("attachment; filename=\"a.txt\"")
    );
    same!(http.cache_control.as_deref(), Some("no-cache"));
    same!(
        object.info.custom_metadata.get("owner").map(String::as_str),
        Some("ann")
    );
    same!(object.text().await?, "hello");

    let (status, headers, text) = send(&signer.get("direct", MINUTE)?, "").await?;
    same!((status, &*text), (200, "hello"));
    same!(headers["content-type"], "text/plain");
    // The domain of R2 is not that of the worker.
    let is_native = cfg!(not(target_arch = "wasm32"));
    same!(headers.contains_key("content-security-policy"), is_native);
    let (status, headers, text) = send(&signer.head("direct", MINUTE)?, "").await?;
    same!((status, &*text), (200, ""));
    same!(headers["etag"], "\"5d41402abc4b2a76b9719d911017c592\"");

    same!(send(&signer.delete("direct", MINUTE)?, "").await?.0, 204);
    same!(env.storage.head("direct").await?.is_none(), true);
    let missing = refusal(&signer.get("direct", MINUTE)?, "").await?;
    same!(missing, (404, "NoSuchKey".to_owned()));
    Ok(())
}

/// Every key that a URL can contain.
async fn keys(env: &Env, signer: &Signed<'_>) -> Outcome {
    for key in [
        "a b/c+d",
        "100%/25",
        "\u{e9}\u{1f600}",
        "a//b",
        "?x=1&y#z",
        "q'\"<>\\^`{|}",
        "~-_.!*()",
    ] {
        let put = signer.put(key, 1, MINUTE, PutOptions::default())?;
        same!((key, send(&put, "x").await?.0), (key, 200));
        same!((key, env.storage.head(key).await?.is_some()), (key, true));
        same!(send(&signer.get(key, MINUTE)?, "").await?.2, "x");
    }
    Ok(())
}

/// A request that differs from what was signed is refused.
async fn changed(env: &Env, signer: &Signed<'_>) -> Outcome {
    let mismatch = (403, "SignatureDoesNotMatch".to_owned());
    let options = PutOptions::default().content_type("image/png");
    let put = signer.put("changed", 5, MINUTE, options)?;
    same!(refusal(&put, "longer").await?, mismatch);
    let mut page = put.clone();
    page.headers
        .insert("content-type".to_owned(), "text/html".to_owned());
    same!(refusal(&page, "hello").await?, mismatch);
    for (from, to) in [
        ("changed", "changee"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600"),
    ] {
        let mut other = put.clone();
        other.url = other.url.replace(from, to);
        same!(refusal(&other, "hello").await?, mismatch);
    }
    let mut get = put.clone();
    get.method = "GET";
    get.headers.clear();
    same!(refusal(&get, "").await?, mismatch);
    same!(env.storage.head("changed").await?.is_none(), true);

    let signed = signer.get("changed", Duration::from_secs(1))?;
    time::sleep(Duration::from_millis(2500)).await;
    same!(
        refusal(&signed, "").await?,
        (403, "ExpiredRequest".to_owned())
    );

    let url = signer.get("changed", MINUTE)?.url;
    let bucket = url.split("/changed").next().unwrap_or_default();
    let stranger = env.storage.signer(bucket, "another-id", "a secret")?;
    same!(
        refusal(&stranger.get("changed", MINUTE)?, "").await?,
        (401, "Unauthorized".to_owned())
    );
    let guess = env.storage.signer(bucket, "an-id", "a guess")?;
    same!(refusal(&guess.get("changed", MINUTE)?, "").await?, mismatch);
    let other = env
        .storage
        .signer(&format!("{bucket}-2"), "an-id", "a secret")?;
    same!(
        refusal(&other.get("changed", MINUTE)?, "").await?,
        (404, "NoSuchBucket".to_owned())
    );
    Ok(())
}

/// The parts of an upload, which the worker creates and completes.
async fn parts(env: &Env, signer: &Signed<'_>) -> Outcome {
    let options = PutOptions::default().content_type("video/mp4");
    let upload = env.storage.create_multipart("video", options).await?;
    let mut parts = Vec::new();
    for (number, bytes) in [(1, 5 * MIB), (2, 7)] {
        let part = signer.upload_part("video", upload.id(), number, bytes as u64, MINUTE)?;
        let (status, headers, _) = send(&part, vec![b'p'; bytes]).await?;
        same!(status, 200);
        let etag = headers["etag"].to_str()?.to_owned();
        parts.push(UploadedPart { number, etag });
    }
    let info = upload.complete(&parts).await?;
    same!(info.size, 5 * MIB as u64 + 7);

    let gone = signer.upload_part("video", upload.id(), 3, 1, MINUTE)?;
    same!(refusal(&gone, "x").await?, (404, "NoSuchUpload".to_owned()));
    Ok(())
}

/// What is rejected without a request.
fn before_signing(env: &Env, signer: &Signed<'_>) -> Outcome {
    let kind =
        |result: bindery::Result<PresignedRequest>| result.map(drop).map_err(|error| error.kind());
    let invalid = Err(ErrorKind::InvalidArgument);
    same!(kind(signer.get("a", Duration::ZERO)), invalid);
    same!(kind(signer.get("a", 8 * 24 * 60 * MINUTE)), invalid);
    same!(kind(signer.get("a/../b", MINUTE)), invalid);
    same!(kind(signer.get("./a", MINUTE)), invalid);
    same!(kind(signer.get("", MINUTE)), invalid);
    same!(
        kind(signer.get(&*"k".repeat(1025), MINUTE)),
        Err(ErrorKind::TooLarge)
    );
    same!(kind(signer.upload_part("a", "id", 0, 1, MINUTE)), invalid);

    let options = PutOptions::default;
    let put = |bytes, options| kind(signer.put("a", bytes, MINUTE, options));
    same!(put(11, options().max_bytes(10)), Err(ErrorKind::TooLarge));
    same!(
        put(5 * 1024 * MIB as u64, options()),
        Err(ErrorKind::TooLarge)
    );
    same!(put(1, options().custom_metadata("Owner", "ann")), invalid);
    same!(
        put(1, options().custom_metadata("owner", "\u{e9}")),
        invalid
    );
    same!(put(1, options().custom_metadata("owner", "a  b")), invalid);
    same!(
        put(1, options().content_type("text/plain\r\nx: y")),
        invalid
    );
    same!(
        put(1, options().checksum(Checksum::Sha512([0; 64]))),
        Err(ErrorKind::Unsupported)
    );

    for (url, id) in [
        ("example.com/bucket", "id"),
        ("https://example.com/", "id"),
        ("ftp://a/b", "id"),
        ("https://example.com/b", ""),
    ] {
        let signer = env.storage.signer(url, id, "secret").map(drop);
        same!(
            (url, signer.map_err(|error| error.kind())),
            (url, Err(ErrorKind::Misconfigured))
        );
    }
    Ok(())
}

/// URLs of the worker itself.
pub async fn own_urls(env: Env) -> Outcome {
    let kind = |result: bindery::Result<()>| result.map_err(|error| error.kind());
    same!(
        kind(UrlSigner::new(&env.secrets.token).map(drop)),
        Err(ErrorKind::Misconfigured)
    );
    let secret = env
        .secrets
        .link_secret
        .as_ref()
        .ok_or("the secret is set")?;
    let signer = UrlSigner::new(secret)?;

    let link = signer.sign("/files/7?inline=true", Duration::from_secs(2))?;
    let (uri, other): (Uri, Uri) = (link.parse()?, link.replace('7', "8").parse()?);
    same!(kind(signer.verify(&Method::GET, &uri)), Ok(()));
    same!(
        kind(signer.verify(&Method::PUT, &uri)),
        Err(ErrorKind::Forbidden)
    );
    same!(
        kind(signer.verify(&Method::GET, &other)),
        Err(ErrorKind::Forbidden)
    );
    time::sleep(Duration::from_millis(2100)).await;
    let expired = signer
        .verify(&Method::GET, &uri)
        .map_err(|error| error.message().to_owned());
    same!(expired, Err("the link has expired".to_owned()));
    Ok(())
}

/// Responds to the test runner, which sends the URL of the bucket.
pub(crate) async fn answer(env: Env, bucket_url: String) -> (StatusCode, String) {
    match requests(env, &bucket_url).await {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
