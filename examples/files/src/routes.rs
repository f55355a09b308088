//! The API and the page. Every answer but a download and the page is JSON.

use axum::extract::{DefaultBodyLimit, FromRequestParts, Multipart, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bindery::Request;
use bindery::r2::Content;
use serde::Deserialize;
use serde_json::json;

use crate::Env;
use crate::error::AppError;
use crate::files;

/// Files that a list gives at most.
const LIST_LIMIT: i64 = 100;

/// Answers a request.
pub async fn fetch(request: Request, env: Env) -> Response {
    bindery::http::route(router(env), request).await
}

/// Every route.
fn router(env: Env) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/api/files", get(list).post(upload))
        .route("/api/files/{id}", get(show).delete(remove))
        .route("/api/files/{id}/content", get(download))
        .fallback(async || AppError::NotFound)
        // The application has a limit of its own, kept while the upload streams.
        .layer(DefaultBodyLimit::disable())
        .with_state(env)
}

/// The user of a request: the header `x-user-id`, or `?user=` where a link cannot set headers.
///
/// A real application would verify a token here; whose file is whose hangs on nothing else.
struct User(String);

#[derive(Deserialize)]
struct UserQuery {
    user: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let header = parts
            .headers
            .get("x-user-id")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let query = Query::<UserQuery>::from_request_parts(parts, state).await;
        let user = header
            .or_else(|| query.ok().and_then(|Query(query)| query.user))
            .unwrap_or_default();
        let good = !user.is_empty()
            && user.len() <= 64
            && user
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte));
        if good {
            Ok(Self(user))
        } else {
            Err(AppError::NoUser)
        }
    }
}

/// The number in a path.
struct Id(i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let id = Path::<i64>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id))
            .map_err(|_| AppError::BadRequest("a file's id is a number".to_owned()))
    }
}

async fn page() -> Html<&'static str> {
    Html(include_str!("../assets/index.html"))
}

async fn list(State(env): State<Env>, User(user): User) -> Result<Response, AppError> {
    let files = env.db.files_of_user(&user, LIST_LIMIT).await?;
    Ok(Json(json!({ "files": files })).into_response())
}

async fn upload(
    State(env): State<Env>,
    User(user): User,
    form: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Response, AppError> {
    let broken = |error: &dyn std::fmt::Display| {
        AppError::BadRequest(format!("the form cannot be read: {error}"))
    };
    let mut form = form.map_err(|error| broken(&error))?;
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| broken(&error.body_text()))?
    {
        if field.name() != Some("file") {
            continue;
        }
        let filename = match field.file_name() {
            Some(name) if !name.is_empty() && name.len() <= 255 => name.to_owned(),
            _ => {
                return Err(AppError::BadRequest(
                    "the field `file` has no filename of 1 to 255 bytes".to_owned(),
                ));
            }
        };
        let content_type = field
            .content_type()
            .unwrap_or("application/octet-stream")
            .to_owned();
        let row = files::upload(
            &env,
            &user,
            &filename,
            &content_type,
            Content::stream(field),
        )
        .await?;
        return Ok((StatusCode::CREATED, Json(row)).into_response());
    }
    Err(AppError::BadRequest(
        "the form has no field `file`".to_owned(),
    ))
}

async fn show(State(env): State<Env>, User(user): User, Id(id): Id) -> Result<Response, AppError> {
    let meta = files::find(&env, &user, id).await?;
    let body = json!({
        "id": meta.id,
        "filename": meta.filename,
        "content_type": meta.content_type,
        "size_bytes": meta.size_bytes,
        "uploaded_at": meta.uploaded_at,
        "processed": meta.processed,
        "processed_at": meta.processed_at,
    });
    Ok(Json(body).into_response())
}

async fn download(
    State(env): State<Env>,
    User(user): User,
    Id(id): Id,
) -> Result<Response, AppError> {
    let (meta, object) = files::open(&env, &user, id).await?;
    let headers = [
        (header::CONTENT_TYPE, meta.content_type),
        (header::CONTENT_LENGTH, meta.size_bytes.to_string()),
        (header::CONTENT_DISPOSITION, attachment(&meta.filename)),
        (header::ETAG, format!("\"{}\"", object.info.etag)),
        // What others uploaded is never run in this page's place.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, object.body).into_response())
}

/// `attachment` with the name in both spellings: plain for old clients, and exact (RFC 8187).
fn attachment(filename: &str) -> String {
    // A quote or a control character would end the value.
    let plain = |c: char| {
        if c.is_ascii_graphic() && !"\"\\%".contains(c) || c == ' ' {
            c
        } else {
            '_'
        }
    };
    let exact = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    let (plain, exact): (String, String) = (
        filename.chars().map(plain).collect(),
        filename.bytes().map(exact).collect(),
    );
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}

async fn remove(
    State(env): State<Env>,
    User(user): User,
    Id(id): Id,
) -> Result<Response, AppError> {
    files::delete(&env, &user, id).await?;
    Ok(Json(json!({ "deleted": id })).into_response())
}
