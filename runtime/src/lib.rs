#![doc = include_str!("../../README.md")]

extern crate self as bindery;

pub mod error;
pub mod observe;
pub mod d1;
pub mod kv;
pub mod r2;
pub mod queue;
pub mod ai;
pub mod analytics_engine;
pub mod blob;
pub mod dispatch;
pub mod durable_object;
pub mod email;
pub mod fetcher;
pub mod hyperdrive;
pub mod images;
pub mod k2;
pub mod pipeline;
pub mod rate_limit;
pub mod secrets_store;
pub mod vectorize;
pub mod version;
pub mod worker_loader;
pub mod workflow;
pub mod raw;
pub mod http;
mod app;
mod backend;
mod limits;
mod list;
mod random;
mod vars;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use app::{Application, Environment};
#[doc(hidden)]
pub use bindery_macros::query as __query;
pub use bindery_macros::{Column, KvKey, Row, bindings, handlers, test};
pub use error::{Error, Kind, Result, Service};
pub use http::{Body, Request, Response};
pub use kv::KvKey;
pub use random::random_id;
pub use vars::Secret;

#[cfg(not(target_arch = "wasm32"))]
pub use backend::{deliver_queues, in_memory, serve};
