//! The worker behind the examples of the manual, `docs/book`.
//!
//! Each page is the documentation of a module here, so that its Rust blocks are doctests. They use
//! this worker's `Env`. `tests/pages.rs` checks the other blocks of the pages. The first page shows
//! the package in `tests/readme` instead.

#![allow(
    clippy::test_attr_in_doctest,
    reason = "the page about tests shows tests"
)]

mod counter;
mod report;

use axum::Router;
use axum::routing::get;
use bindery::queue::Batch;
use bindery::{Request, Response};

pub use counter::{Counter, CounterClient};
pub use report::{Report, ReportParams};

/// The bindings of `wrangler.toml`.
#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    fetch: fetch,
    queue "jobs": process,
    durable_object Counter,
    workflow Report,
}

/// The id of a user.
#[derive(Clone, Copy, Debug, PartialEq, bindery::Column, serde::Serialize)]
#[serde(transparent)]
pub struct UserId(pub i64);

/// How much the worker logs.
#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Every request.
    Debug,
    /// Failures.
    Error,
}

/// A note as the cache stores it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Note {
    /// The person who wrote it.
    pub owner: String,
    /// The text.
    pub text: String,
}

/// The key of a note in the cache.
#[derive(bindery::KvKey, Debug)]
#[kv(binding = CACHE, key = "note:{id}", value = Note, ttl = "1h")]
pub struct NoteKey {
    /// The id of the note.
    pub id: i64,
}

/// A message of the queue.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, bindery::Message)]
#[message(binding = QUEUE)]
pub struct Job {
    /// The id of the note to finish.
    pub note: i64,
    /// The owner of the note.
    pub owner: String,
}

/// Answers a request.
pub async fn fetch(request: Request, env: Env) -> Response {
    let router = Router::new()
        .route("/", get(async || "notes"))
        .with_state(env);
    bindery::http::route(router, request).await
}

/// Finishes the notes of a batch.
///
/// # Errors
/// Never: each message is acknowledged or retried.
pub async fn process(batch: Batch<'_, Job>, env: Env) -> bindery::Result<()> {
    for message in batch {
        let job = message.body();
        match env.db.finish(job.note, &job.owner).await {
            Ok(_) => message.ack(),
            Err(_) => message.retry(),
        }
    }
    Ok(())
}

/// `bindings::db::query!` for the doctests: the generated macro is private to this crate.
#[doc(hidden)]
#[macro_export]
macro_rules! query {
    ($($tokens:tt)*) => {
        ::bindery::__query!("DB", ::bindery, "wrangler.toml", ""; $($tokens)*)
    };
}

/// Declares a module per page of the manual, with the page as its documentation.
macro_rules! pages {
    ($($module:ident $file:literal)+) => {
        $(
            #[doc = include_str!(concat!("../../../docs/book/src/", $file, ".md"))]
            mod $module {}
        )+
    };
}

pages! {
    handlers "handlers"
    queries "queries"
    dynamic_queries "dynamic-queries"
    shards "shards"
    caching "caching"
    kv "kv"
    r2 "r2"
    queues "queues"
    durable_objects "durable-objects"
    email "email"
    workflows "workflows"
    other_bindings "other-bindings"
    environments "environments"
    testing "testing"
    observing "observing"
    resilience "resilience"
    web "web"
    flags "flags"
    errors "errors"
    native "native"
    behavior "behavior"
    command_line "command-line"
    deploying "deploying"
    migrating_from_worker "migrating-from-worker"
    migrating_from_typescript "migrating-from-typescript"
}
