//! The part of R2's S3 API that presigned URLs use, on the path on which wrangler serves it.
//!
//! It accepts URLs that are signed with the secrets `R2_ACCESS_KEY_ID` and `R2_SECRET_ACCESS_KEY`.

mod auth;
mod put;

use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, ORIGIN,
};
use http::request::Parts;
use http::{Method, StatusCode};

use super::bindings::Backend;
use super::clock::now;
use crate::error::{Error, ErrorKind, Service};
use crate::http::{Body, Request, Response};
use crate::observe::{Gate, Observers};
use crate::r2::{Core, ServeOptions};

use auth::{Credentials, Verified};

/// The path of the API, as of wrangler.
const PATH: &str = "/cdn-cgi/local/r2/s3/";

const ACCESS_KEY_ID: &str = "R2_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "R2_SECRET_ACCESS_KEY";

/// A request that the API refuses.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}

/// Whether a request is for the API. No worker receives requests below `/cdn-cgi/`.
pub(super) fn serves(request: &Request) -> bool {
    request.uri().path().starts_with(PATH)
}

/// Responds to a request of the API.
pub(super) async fn respond(backend: &Backend, request: Request) -> Response {
    let has_origin = request.headers().contains_key(ORIGIN);
    let mut response = if request.method() == Method::OPTIONS {
        preflight(&request)
    } else {
        let (parts, body) = request.into_parts();
        let response = run(backend, &parts, body).await;
        response.unwrap_or_else(|refusal| error(&parts.method, &refusal))
    };

    // R2 has a domain of its own. Here an uploaded page is on that of the worker, whose cookies its
    // scripts must not use.
    let sandbox = HeaderValue::from_static("sandbox");
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, sandbox);

    // The signature decides who may read, as the CORS rules of a bucket may also say.
    if has_origin {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    }
    response
}

fn preflight(request: &Request) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static("GET, HEAD, PUT, DELETE");
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    if let Some(requested) = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, requested.clone());
    }
    response
}

async fn run(backend: &Backend, parts: &Parts, body: Body) -> Result<Response, Refusal> {
    let secrets = (
        backend.secret(ACCESS_KEY_ID),
        backend.secret(SECRET_ACCESS_KEY),
    );
    let (Some(access_key_id), Some(secret_access_key)) = secrets else {
        let message = format!("set the secrets {ACCESS_KEY_ID} and {SECRET_ACCESS_KEY}");
        return Err(Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", message));
    };
    let credentials = Credentials {
        access_key_id,
        secret_access_key,
    };
    let (method, headers) = (&parts.method, &parts.headers);
    let request = auth::verify(method, &parts.uri, headers, &credentials, now())?;

    let path = request.path.strip_prefix(PATH).unwrap_or_default();
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let Some(bucket) = backend.bucket(bucket) else {
        let message = "the specified bucket does not exist";
        return Err(Refusal::new(StatusCode::NOT_FOUND, "NoSuchBucket", message));
    };
    // Without observers: the worker makes no call.
    let gate = Gate::new(Service::R2, "", Arc::<Observers>::default());
    let core = Core::new(gate, bucket);
    operation(&core, key, &request, parts, body).await
}

async fn operation(
    core: &Core,
    key: &str,
    request: &Verified,
    parts: &Parts,
    body: Body,
) -> Result<Response, Refusal> {
    let (method, headers) = (&parts.method, &parts.headers);
    let known = |name: &str| matches!(name, "partNumber" | "uploadId" | "x-id");
    if let Some((name, _)) = request.query.iter().find(|(name, _)| !known(name)) {
        let message = format!("the parameter {name} is not supported");
        return Err(Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotImplemented",
            message,
        ));
    }

    let upload = request.parameter("uploadId");
    let mut response = Response::new(Body::empty());
    match (method, upload) {
        (&Method::GET | &Method::HEAD, None) => {
            let served = core
                .serve(key, method, headers, &ServeOptions::default())
                .await;
            let missing =
                || Refusal::new(StatusCode::NOT_FOUND, "NoSuchKey", "the key does not exist");
            response = served.map_err(refused)?.ok_or_else(missing)?;
        }
        (&Method::PUT, None) => response = put::object(core, key, headers, body).await?,
        (&Method::PUT, Some(id)) => {
            let number = request.parameter("partNumber");
            response = put::part(core, key, id, number, body).await?;
        }
        (&Method::DELETE, upload) => {
            let deleted = match upload {
                Some(id) => core.abort(key, id).await,
                None => core.delete(&[key.to_owned()]).await,
            };
            deleted.map_err(refused)?;
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        _ => {
            let message = "the operation is not supported";
            return Err(Refusal::new(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                message,
            ));
        }
    }
    Ok(response)
}

/// The refusal of an error of the bucket.
fn refused(error: Error) -> Refusal {
    let (status, code) = match error.kind() {
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "NoSuchUpload"),
        ErrorKind::TooLarge => (StatusCode::BAD_REQUEST, "EntityTooLarge"),
        ErrorKind::InvalidArgument => (StatusCode::BAD_REQUEST, "InvalidArgument"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
    };
    Refusal::new(status, code, error.message())
}

fn error(method: &Method, refusal: &Refusal) -> Response {
    let message = refusal.message.replace('&', "&amp;").replace('<', "&lt;");
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{}</Code><Message>{message}</Message>\
         </Error>",
        refusal.code
    );
    let body = match *method {
        Method::HEAD => Body::empty(),
        _ => Body::from(text),
    };
    let mut response = Response::new(body);
    *response.status_mut() = refusal.status;
    let xml = HeaderValue::from_static("application/xml");
    response.headers_mut().insert(CONTENT_TYPE, xml);
    response
}
