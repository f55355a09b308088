//! Requests and responses without the types of the `http` crate, for small workers.
//!
//! A handler that takes a [`Request`] of this module instead of that of [`http`](crate::http) reads
//! from the platform what it asks for, and nothing else. The Wasm has no code for the headers and
//! URIs of `http`, and is a third smaller. A worker with a router, such as axum, gains nothing.
//!
//! # Examples
//! ```
//! use bindery::minimal::{Request, Response};
//!
//! # #[derive(Clone)] struct Env;
//! async fn fetch(request: Request, env: Env) -> bindery::Result<Response> {
//!     match (&*request.method(), request.path()) {
//!         ("GET", "/") => Ok(Response::text("hello")),
//!         ("POST", "/notes") => {
//!             let note: String = request.json(64 * 1024).await?;
//!             Response::json(&note.len())
//!         }
//!         _ => Ok(Response::text("not found").status(404)),
//!     }
//! }
//! ```

mod request;
mod response;

pub use request::Request;
pub use response::Response;
