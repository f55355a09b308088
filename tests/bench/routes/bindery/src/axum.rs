//! The routes with axum.

use ::axum::body::Body;
use ::axum::extract::{Path, State};
use ::axum::http::StatusCode;
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::get;
use ::axum::{Json, Router};

use crate::bindings::db::{Item, Items};
use crate::{Env, Meta, MetaKey};

enum Failed {
    NotFound,
    Binding(bindery::Error),
}

impl From<bindery::Error> for Failed {
    fn from(error: bindery::Error) -> Self {
        Self::Binding(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Binding(error) => error.into_response(),
        }
    }
}

pub(crate) fn fetch(env: Env) -> Router {
    Router::new()
        .route("/static", get(async || "ok"))
        .route("/items/{id}", get(item))
        .route("/list/{count}", get(list))
        .route("/blob/{id}", get(blob))
        .route("/kv/{name}", get(kv))
        .route("/r2/{key}", get(r2))
        .with_state(env)
}

async fn item(State(env): State<Env>, Path(id): Path<i64>) -> Result<Json<Item>, Failed> {
    env.db.item(id).await?.map(Json).ok_or(Failed::NotFound)
}

async fn list(State(env): State<Env>, Path(count): Path<i64>) -> Result<Json<Vec<Items>>, Failed> {
    Ok(Json(env.db.items(count).await?))
}

async fn blob(State(env): State<Env>, Path(id): Path<i64>) -> Result<Vec<u8>, Failed> {
    Ok(env.db.blob(id).await?.ok_or(Failed::NotFound)?.body)
}

async fn kv(State(env): State<Env>, Path(name): Path<String>) -> Result<Json<Meta>, Failed> {
    env.cache.get(&MetaKey { name }).await?.map(Json).ok_or(Failed::NotFound)
}

async fn r2(State(env): State<Env>, Path(key): Path<String>) -> Result<Body, Failed> {
    Ok(env.bucket.get(&key).await?.ok_or(Failed::NotFound)?.body)
}
