//! The API and the page. All responses are JSON, except for a download and the page.

use axum::extract::multipart::{Field, MultipartRejection};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Multipart, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bindery::r2::Content;
use bindery::web::CrossOriginProtection;
use bindery::{Context, Request};
use serde::Deserialize;
use serde_json::json;

use crate::Env;
use crate::error::AppError;
use crate::feed::{Kind, announce};
use crate::files::{self, FileMeta};
use crate::form::{self, NewFile};
use crate::stats::Stats;
use crate::{jobs, security};

/// The maximum number of files in a list.
const LIST_LIMIT: i64 = 100;

/// The maximum id of a file: D1 returns integers as doubles.
const MAX_ID: i64 = (1 << 53) - 1;

/// The page only loads its own parts, only talks to its own server, and appears in no frame.
const PAGE_POLICY: &str = "default-src 'none'; connect-src 'self'; img-src data:; \
                           script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes of the application.
pub fn router(env: Env) -> Router {
    // `files::upload` enforces `MAX_FILE_SIZE` while the content streams. This limit is for the
    // rest of a form, which is partly held in memory.
    let max_file_bytes = usize::try_from(env.vars.max_file_size).unwrap_or(usize::MAX);
    let max_bytes = max_file_bytes.saturating_add(form::MAX_EXTRA_BYTES);

    Router::new()
        .route("/", get(page))
        .route("/api/files", get(list).post(upload))
        .route("/api/stats", get(stats))
        .route("/api/feed", get(feed))
        .route("/api/files/{id}", get(show).delete(remove))
        .route("/api/files/{id}/content", get(download))
        .route("/api/files/{id}/retry", post(retry))
        .fallback(async || AppError::NotFound)
        .layer(DefaultBodyLimit::max(max_bytes))
        .layer(CrossOriginProtection::default())
        .layer(from_fn(security::check_host))
        .layer(security::headers())
        .with_state(env)
}

/// The user of a request: the header `x-user-id`, or `?user=` for a link, which cannot set headers.
///
/// A real application would verify a token here. All access control depends on this value.
struct User(String);

#[derive(Deserialize)]
struct UserQuery {
    user: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let header = parts.headers.get("x-user-id");
        let header = header.and_then(|value| value.to_str().ok());
        let header = header.map(str::to_owned);
        let query = Query::<UserQuery>::from_request_parts(parts, state).await;
        let query = || query.ok().and_then(|Query(query)| query.user);
        let user = header.or_else(query).unwrap_or_default();

        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
        if (1..=64).contains(&user.len()) && user.bytes().all(is_allowed) {
            Ok(Self(user))
        } else {
            Err(AppError::NoUser)
        }
    }
}

/// The id of a file in a path.
struct Id(i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let id = Path::<i64>::from_request_parts(parts, state).await;
        match id {
            Ok(Path(id)) if (1..=MAX_ID).contains(&id) => Ok(Self(id)),
            Ok(_) | Err(_) => Err(AppError::BadRequest("the id of a file is a number")),
        }
    }
}

async fn page() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        // The page and the API have to be of the same version.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, include_str!("../assets/index.html"))
}

async fn list(State(env): State<Env>, User(user): User) -> Result<Response, AppError> {
    let files = env.db.files_of_user(&user, LIST_LIMIT).await?;
    Ok(Json(json!({ "files": files })).into_response())
}

async fn stats(State(env): State<Env>, User(user): User) -> Result<Json<Stats>, AppError> {
    Ok(Json(env.user_stats.by_name(&user).stats().await?))
}

/// The WebSocket of a window. `CrossOriginProtection` refuses those of other sites.
async fn feed(
    State(env): State<Env>,
    User(user): User,
    request: Request,
) -> Result<Response, AppError> {
    Ok(env.feeds.by_name(&user).fetch(request).await?)
}

async fn upload(
    State(env): State<Env>,
    User(user): User,
    context: Context,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, AppError> {
    let Ok(mut form) = form else {
        let message = "an upload is a form of the type `multipart/form-data`";
        return Err(AppError::BadRequest(message));
    };
    loop {
        let field = form.next_field().await;
        let field = field.map_err(|error| form::invalid(&error, env.vars.max_file_size))?;
        let Some(field) = field else {
            return Err(AppError::BadRequest("the form has no field `file`"));
        };
        if field.name() == Some("file") {
            return upload_field(&env, user, context, field).await;
        }
    }
}

async fn upload_field(
    env: &Env,
    user: String,
    context: Context,
    field: Field<'_>,
) -> Result<Response, AppError> {
    let file = NewFile::of_field(&field)?;
    let content = Content::stream(field);
    let row = files::upload(env, &user, &file, content).await?;

    let (env, id) = (env.clone(), row.id);
    // The client need not wait for the other windows.
    context.wait_until(async move {
        announce(&env, &user, Kind::Uploaded, id, Some(file.filename)).await;
    });
    Ok((StatusCode::CREATED, Json(row)).into_response())
}

async fn show(
    State(env): State<Env>,
    User(user): User,
    Id(id): Id,
) -> Result<Json<FileMeta>, AppError> {
    Ok(Json(files::find(&env, &user, id).await?))
}

async fn download(
    State(env): State<Env>,
    User(user): User,
    Id(id): Id,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    files::download(&env, &user, id, &method, &headers).await
}

async fn remove(
    State(env): State<Env>,
    User(user): User,
    context: Context,
    Id(id): Id,
) -> Result<Response, AppError> {
    files::delete(&env, &user, id).await?;
    context.wait_until(async move { announce(&env, &user, Kind::Deleted, id, None).await });
    Ok(Json(json!({ "deleted": id })).into_response())
}

async fn retry(State(env): State<Env>, User(user): User, Id(id): Id) -> Result<Response, AppError> {
    jobs::retry(&env, &user, id).await?;
    Ok(Json(json!({ "retried": id })).into_response())
}
