//! A file-sharing application: users upload, list, download and delete files. The same source runs
//! natively (`cargo run -p files`) and on Workers.
//!
//! - [`Env`] contains the bindings of `wrangler.toml`.
//! - [`routes`] defines the API and serves the page.
//! - [`feed`] tells the open windows of a user what happens, over WebSockets of a Durable Object.
//! - [`files`] stores, finds and deletes files: D1 stores the metadata, R2 stores the content, and
//!   KV caches the metadata.
//! - [`form`] checks the form of an upload.
//! - [`jobs`] processes the messages of the queue, and cleans up every night.
//! - [`security`] protects the users from other sites.
//! - [`stats`] counts what each user uploads, in a Durable Object.

pub mod error;
pub mod feed;
pub mod files;
pub mod form;
pub mod jobs;
pub mod routes;
pub mod security;
pub mod stats;

use feed::Feed;
use stats::UserStats;

/// The bindings of `wrangler.toml`.
#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    fetch: routes::router,
    queue "files-queue": jobs::process,
    queue "files-failed": jobs::bury,
    scheduled "0 3 * * *": jobs::clean_up,
    durable_object stats::UserStats,
    durable_object feed::Feed,
}
