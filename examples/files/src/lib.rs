//! A file-sharing application: upload, list, download, delete. The same source runs natively
//! (`cargo run -p files`) and on Workers.
//!
//! - [`Env`] is everything that `wrangler.toml` binds.
//! - [`routes`] is the API and the page.
//! - [`files`] stores, finds and deletes: D1 has the rows, R2 the contents, KV what is asked for often.
//! - [`jobs`] consumes the queue.

pub mod error;
pub mod files;
pub mod jobs;
pub mod routes;

/// Everything that `wrangler.toml` binds.
#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    fetch: routes::fetch,
    queue "files-queue": jobs::process,
    durable_object UserStats,
}
