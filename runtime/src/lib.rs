//! A typed SDK for Cloudflare Workers that is generated from the wrangler manifest.
//!
//! [`bindings`](macro@bindings) reads `wrangler.toml`, `migrations/*.sql` and `queries/**/*.sql`
//! while the crate compiles. It generates an `Env` with one typed field for each binding, and a
//! method for each query, checked against the migrations. [`handlers!`] declares the handlers of
//! the worker. The same program runs natively (`serve`), in tests ([`test`](macro@test)), and
//! on Workers.
//!
//! ```ignore
//! /// The bindings of `wrangler.toml`.
//! #[bindery::bindings]
//! pub struct Env;
//!
//! bindery::handlers! {
//!     env: Env,
//!     fetch: fetch,
//! }
//!
//! async fn fetch(request: Request, env: Env) -> Result<Json<Vec<bindings::db::NotesOf>>> {
//!     Ok(Json(env.db.notes_of("ann").await?))
//! }
//! ```
//!
//! The [manual](https://github.com/bindery/bindery/tree/main/docs/book/src) has a page for each
//! topic: getting started, queries, KV, R2, queues, other bindings, environments, testing,
//! observing and deploying. Each diagnostic code has a
//! [page](https://github.com/bindery/bindery/tree/main/docs/errors) as well.
//!
//! # Modules
//!
//! - [`d1`], [`kv`], [`r2`] and [`queue`] are the types that generated bindings dereference to. The
//!   other kinds of binding have a module each, from [`ai`] to [`workflow`](mod@workflow).
//! - [`error`] has the error type that all of them share.
//! - [`observe`] sends an event after each call to a binding, and counts, traces and prices them.
//! - [`http`] has the types of requests and responses, [`minimal`] those of small workers, and
//!   [`cache`] keeps responses.
//! - [`time`] and [`random`] work in both worlds, and follow the clock and the seed of a test.
//!
//! # Features
//!
//! No feature is on by default. A feature adds API and never changes behavior.
//!
//! - `aggregate`: [`observe::Aggregate`](crate::observe), counts and percentiles of calls.
//! - `audit`: [`web::AuditEntry`](crate::web), a record of who did what.
//! - `dashboard`: the page `/__bindery` of the native server, with its calls, their cost and its
//!   state.
//! - `email`: [`email::IncomingEmail`](crate::email), emails that the worker receives.
//! - `fetch`: [`http::fetch`](crate::http), requests to other servers.
//! - `flags`: [`flags::Flags`](crate::flags), values that change without a deployment, for all
//!   users or for a part of them.
//! - `jwt`: [`web::JwtVerifier`](crate::web), JSON Web Tokens of an issuer.
//! - `metrics`: [`observe::metrics`](crate::observe), calls as metrics of the
//!   [`metrics`](https://docs.rs/metrics) crate.
//! - `otlp`: [`observe::Otlp`](crate::observe), calls as spans for a server of OpenTelemetry.
//! - `presign`: [`r2::Signer`](crate::r2), URLs with which clients read and write objects of R2
//!   directly.
//! - `protection`: [`web::CrossOriginProtection`](crate::web) and `SecureHeaders`, layers against
//!   attacks of other sites.
//! - `query-cache`: [`d1::Query::cached`](crate::d1), queries whose rows KV keeps.
//! - `rate-limits`: [`web::RateLimitLayer`](crate::web), a layer that refuses clients that send too
//!   many requests.
//! - `server-timing`: [`observe::ServerTiming`](crate::observe), the durations of calls in a header
//!   of the response.
//! - `sessions`: [`web::Sessions`](crate::web), sessions in KV.
//! - `signed-urls`: [`http::UrlSigner`](crate::http), URLs of the worker that expire.
//! - `spans`: [`observe::Span`](crate::observe), observers that follow a call from its start.
//! - `validation`: [`web::Valid`](crate::web), an extractor that checks its value with the
//!   [`garde`](https://docs.rs/garde) crate.
//! - `tracing`: writes the events of the [`tracing`](https://docs.rs/tracing) crate to the log,
//!   unless the program installs another subscriber; [`observe::tracing`](crate::observe), calls as
//!   spans.
//! - `web-sockets`: [`web_socket`], the connections of Durable Objects to clients.
//! - `jiff`: dates and times of the [`jiff`](https://docs.rs/jiff) crate as columns and parameters
//!   of D1.
//!
//! # Supported Rust versions
//!
//! The minimum supported Rust version is the `rust-version` of `Cargo.toml`. A release that raises
//! it notes this in the changelog.

extern crate self as bindery;

pub mod error;
mod failure;
#[cfg(feature = "flags")]
pub mod flags;
mod violation;
pub mod observe;
pub mod random;
pub mod resilience;
pub mod time;
mod bindings;
pub mod http;
pub mod minimal;
pub mod cache;
pub mod coordination;
#[cfg(any(
    feature = "audit",
    feature = "jwt",
    feature = "protection",
    feature = "rate-limits",
    feature = "sessions",
    feature = "validation"
))]
pub mod web;
mod app;
mod backend;
mod json;
mod log;
mod limits;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use app::tail;
pub use app::{Application, Cf, Context, Environment, ScheduledEvent, Secret, TaskOutput};
#[cfg(all(feature = "web-sockets", not(target_arch = "wasm32")))]
pub use backend::TestSocket;
pub use backend::{TestClock, TestWorld, deliver_queues};
#[doc(hidden)]
pub use bindery_macros::query as __query;
pub use bindery_macros::{
    Column, KvKey, Message, R2Key, Row, bindings, durable_object, handlers, test, workflow,
};
pub use bindings::*;
pub use error::{Error, ErrorKind, Result, Service};
pub use http::{Body, Request, Response};
pub use kv::KvKey;
pub use r2::R2Key;
pub use violation::Violation;

#[cfg(target_arch = "wasm32")]
pub use wasm_bindgen::JsValue;

#[cfg(not(target_arch = "wasm32"))]
pub use backend::{LogFormat, Server, ServerOptions, WorkerService, in_memory, serve};
