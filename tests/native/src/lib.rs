//! A worker whose HTTP interface reads and writes every store of the native backend.

pub mod client;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{Router, get, post, put};
use bindery::d1::{Cell, FromColumn};
use bindery::queue::Batch;
use bindery::r2::{PutOptions, UploadedPart};
use bindery::{Body, Request, kv};

/// The bindings of `wrangler.toml`.
#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    fetch: router,
    queue "jobs": process,
    queue "dead": bury,
}

/// A column whose decoding panics.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Panics;

impl FromColumn for Panics {
    fn from_column(_: Cell<'_>) -> Result<Self, String> {
        #[expect(clippy::panic, reason = "the tests need a panic in the code of a user")]
        {
            panic!("a column cannot be decoded")
        }
    }
}

/// The routes.
fn router(env: Env) -> Router {
    Router::new()
        .route("/", get(async || "ok"))
        .route("/uri", get(uri))
        .route("/panic", get(panic))
        .route("/log", get(log))
        .route("/d1/{key}", put(put_entry).get(entry))
        .route("/d1-panic/{key}", put(put_panicking))
        .route("/kv/{key}", put(put_value).get(value).delete(delete_value))
        .route("/kv-shared/{key}", get(shared_value))
        .route(
            "/r2/{key}",
            put(put_object).get(object).delete(delete_object),
        )
        .route("/multipart/{key}", post(create_upload))
        .route(
            "/multipart/{key}/{id}",
            put(upload_part).post(complete_upload),
        )
        .route("/queue", post(send))
        .route("/queue-many", post(send_many))
        .route("/received", get(received))
        .route("/count", get(count))
        .route("/write-slowly", post(write_slowly))
        .with_state(env)
}

type Answer<T = StatusCode> = Result<T, bindery::Error>;

async fn uri(uri: Uri, request: Request) -> String {
    let ip = request.headers().get("cf-connecting-ip");
    let ip = ip.and_then(|ip| ip.to_str().ok()).unwrap_or("none");
    format!("{uri} {ip}")
}

async fn log() -> &'static str {
    let span = tracing::info_span!("upload", file = 7);
    span.in_scope(|| tracing::info!(answer = 42, "an event"));
    tracing::debug!("hidden");
    bindery::eprintln!("a printed {}", "line");
    "logged"
}

#[expect(clippy::panic, reason = "the tests need a panic in a handler")]
async fn panic() -> String {
    panic!("a handler")
}

/// Writes an entry and the log of writes in one transaction.
async fn put_entry(State(env): State<Env>, key: Path<String>, value: String) -> Answer {
    let entry = env.db.put_entry(&key, &value);
    env.db
        .batch((entry, env.db.add_write(&key, &value)))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Panics while the rows of a batch are decoded.
async fn put_panicking(State(env): State<Env>, key: Path<String>, value: String) -> Answer {
    let entry = env.db.put_panicking(&key, &value);
    env.db
        .batch((entry, env.db.add_write(&key, &value)))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Responds with an entry, if the log of writes has the same.
async fn entry(State(env): State<Env>, key: Path<String>) -> Answer<Response> {
    let (entry, write) = env
        .db
        .batch((env.db.entry(&key), env.db.last_write(&key)))
        .await?;
    let (entry, write) = (entry.map(|row| row.value), write.map(|row| row.value));
    if entry != write {
        let message = format!("half of a transaction: {entry:?} and {write:?}");
        return Ok((StatusCode::INTERNAL_SERVER_ERROR, message).into_response());
    }
    Ok(found(entry))
}

fn found(value: Option<impl IntoResponse>) -> Response {
    value.map_or(
        StatusCode::NOT_FOUND.into_response(),
        IntoResponse::into_response,
    )
}

async fn put_value(State(env): State<Env>, key: Path<String>, value: Bytes) -> Answer {
    env.cache.put(&kv::bytes(&key), &value).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn value(State(env): State<Env>, key: Path<String>) -> Answer<Response> {
    Ok(found(env.cache.get(&kv::bytes(&key)).await?))
}

/// Responds with a value through the other binding of the namespace.
async fn shared_value(State(env): State<Env>, key: Path<String>) -> Answer<Response> {
    let other = env.other.get(&kv::bytes(&key)).await?;
    Ok(found(
        env.also_cache
            .get(&kv::bytes(&key))
            .await?
            .filter(|_| other.is_none()),
    ))
}

async fn delete_value(State(env): State<Env>, key: Path<String>) -> Answer {
    env.cache.delete(&kv::text(&key)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Starts a multipart upload, and responds with its id.
async fn create_upload(State(env): State<Env>, key: Path<String>) -> Answer<String> {
    let options = PutOptions::default();
    let upload = env.storage.create_multipart(&*key, options).await?;
    Ok(upload.id().to_owned())
}

/// Uploads a part, and responds with it as JSON.
async fn upload_part(
    State(env): State<Env>,
    Path((key, id)): Path<(String, String)>,
    Query(Number { number }): Query<Number>,
    content: Body,
) -> Answer<Json<UploadedPart>> {
    let upload = env.storage.resume_multipart(&key, id);
    Ok(Json(upload.upload_part(number, content).await?))
}

#[derive(serde::Deserialize)]
struct Number {
    number: u16,
}

async fn complete_upload(
    State(env): State<Env>,
    Path((key, id)): Path<(String, String)>,
    parts: Bytes,
) -> Answer<String> {
    let parts: Vec<UploadedPart> = serde_json::from_slice(&parts).map_err(bindery::Error::other)?;
    let upload = env.storage.resume_multipart(&key, id);
    Ok(upload.complete(&parts).await?.etag)
}

async fn put_object(State(env): State<Env>, key: Path<String>, content: Body) -> Answer {
    env.storage.put(&*key, content).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn object(State(env): State<Env>, key: Path<String>) -> Answer<Response> {
    let object = env.storage.get(&*key).await?;
    Ok(found(object.map(|object| object.body)))
}

async fn delete_object(State(env): State<Env>, key: Path<String>) -> Answer {
    env.storage.delete(&*key).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn send(State(env): State<Env>, body: String) -> Answer {
    env.jobs.send(&body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends each line.
async fn send_many(State(env): State<Env>, body: String) -> Answer {
    let lines: Vec<&str> = body.lines().collect();
    env.jobs.send_all(&lines).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Waits until another batch waits here too.
async fn meet() -> bool {
    static WAITING: AtomicUsize = AtomicUsize::new(0);

    WAITING.fetch_add(1, Ordering::SeqCst);
    for _ in 0..500 {
        if WAITING.load(Ordering::SeqCst) > 1 {
            return true;
        }
        bindery::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// Stores each message. `kill` ends the process, `panic` panics, and those that start with `retry` fail.
async fn process(batch: Batch<'_, String>, env: Env) -> bindery::Result<()> {
    for message in batch {
        match message.body().as_str() {
            "kill" => std::process::abort(),
            "panic" => {
                #[expect(clippy::panic, reason = "the tests need a panic in a handler")]
                {
                    panic!("a message")
                }
            }
            body if body.starts_with("retry") => message.retry(),
            "meet" if !meet().await => message.retry(),
            body => {
                let attempts = i64::from(message.attempts());
                env.db.add_received("jobs", body, attempts).await?;
                message.ack();
            }
        }
    }
    Ok(())
}

/// Stores each message of the dead-letter queue.
async fn bury(batch: Batch<'_, String>, env: Env) -> bindery::Result<()> {
    for message in batch {
        let attempts = i64::from(message.attempts());
        env.db
            .add_received("dead", message.body(), attempts)
            .await?;
        message.ack();
    }
    Ok(())
}

/// Responds with the messages that were received: queue, body and attempts.
async fn received(State(env): State<Env>) -> Answer<Json<Vec<(String, String, i64)>>> {
    let rows = env.db.received().await?.into_iter();
    Ok(Json(
        rows.map(|row| (row.queue, row.body, row.attempts))
            .collect(),
    ))
}

#[derive(serde::Deserialize)]
struct Count {
    to: i64,
}

/// Runs a query whose time is proportional to `to`.
async fn count(State(env): State<Env>, count: Query<Count>) -> Answer<String> {
    Ok(env.db.count_to(count.to).await?.count.to_string())
}

/// Runs a write whose time is proportional to `to`.
async fn write_slowly(State(env): State<Env>, count: Query<Count>) -> Answer {
    env.db.write_slowly(count.to).await?;
    Ok(StatusCode::NO_CONTENT)
}
