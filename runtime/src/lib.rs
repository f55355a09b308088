// The tests of `book` compile the example of the README.
#![cfg_attr(not(doctest), doc = include_str!("../../README.md"))]

extern crate self as bindery;

pub mod error;
pub mod observe;
mod bindings;
pub mod http;
mod app;
mod backend;
mod generated;
mod limits;
mod random;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use app::{Application, Environment, Secret};
#[doc(hidden)]
pub use bindery_macros::query as __query;
pub use bindery_macros::{Column, KvKey, Row, bindings, handlers, test};
pub use bindings::*;
pub use error::{Error, ErrorKind, Result, Service};
pub use http::{Body, Request, Response};
pub use kv::KvKey;
pub use random::random_id;

#[cfg(not(target_arch = "wasm32"))]
pub use backend::{deliver_queues, in_memory, serve};
