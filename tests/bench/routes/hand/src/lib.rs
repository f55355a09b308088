//! The routes as the documentation of the crate `worker` shows them.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tower_service::Service;
use worker::{Context, Env, Error, HttpRequest, ResponseBody, Result, event};

#[derive(Deserialize, Serialize)]
struct Item {
    id: i64,
    owner: String,
    name: String,
    kind: String,
    size: i64,
    rating: Option<f64>,
    note: Option<String>,
    made_at: String,
}

#[derive(Deserialize, Serialize)]
struct Meta {
    id: i64,
    filename: String,
    content_type: String,
    size_bytes: i64,
    uploaded_at: String,
    processed: bool,
    processed_at: Option<String>,
}

struct Failed(StatusCode);

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        worker::console_error!("{error}");
        Self(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> axum::response::Response {
        self.0.into_response()
    }
}

const NOT_FOUND: Failed = Failed(StatusCode::NOT_FOUND);

#[event(fetch)]
async fn fetch(request: HttpRequest, env: Env, _: Context) -> Result<Response<Body>> {
    let mut router = Router::new()
        .route("/static", get(async || "ok"))
        .route("/items/{id}", get(item))
        .route("/list/{count}", get(list))
        .route("/blob/{id}", get(blob))
        .route("/kv/{name}", get(kv))
        .route("/r2/{key}", get(r2))
        .with_state(env);
    Ok(router.call(request).await?)
}

#[worker::send]
async fn item(State(env): State<Env>, Path(id): Path<i32>) -> Result<Json<Item>, Failed> {
    let sql = "SELECT id, owner, name, kind, size, rating, note, made_at FROM items WHERE id = ?1";
    let query = env.d1("DB")?.prepare(sql).bind(&[id.into()])?;
    query.first(None).await?.map(Json).ok_or(NOT_FOUND)
}

#[worker::send]
async fn list(State(env): State<Env>, Path(count): Path<i32>) -> Result<Json<Vec<Item>>, Failed> {
    let sql = "SELECT id, owner, name, kind, size, rating, note, made_at FROM items \
               ORDER BY id LIMIT ?1";
    let query = env.d1("DB")?.prepare(sql).bind(&[count.into()])?;
    Ok(Json(query.all().await?.results()?))
}

#[worker::send]
async fn blob(State(env): State<Env>, Path(id): Path<i32>) -> Result<Vec<u8>, Failed> {
    let query = env.d1("DB")?.prepare("SELECT body FROM blobs WHERE id = ?1");
    query.bind(&[id.into()])?.first(Some("body")).await?.ok_or(NOT_FOUND)
}

#[worker::send]
async fn kv(State(env): State<Env>, Path(name): Path<String>) -> Result<Json<Meta>, Failed> {
    let value = env.kv("CACHE")?.get(&name).json().await;
    value.map_err(Error::from)?.map(Json).ok_or(NOT_FOUND)
}

#[worker::send]
async fn r2(State(env): State<Env>, Path(key): Path<String>) -> Result<Body, Failed> {
    let object = env.bucket("BUCKET")?.get(key).execute().await?.ok_or(NOT_FOUND)?;
    match object.body().ok_or(NOT_FOUND)?.response_body()? {
        ResponseBody::Stream(stream) => Ok(Body::new(worker::Body::new(stream))),
        _ => Err(NOT_FOUND),
    }
}
