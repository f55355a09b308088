//! The contract of a backend, and the choice of one by target.
//!
//! A backend gives, under these names and with these signatures:
//!
//! - `Backend`: everything a manifest binds, opened. `d1`, `kv`, `r2`, `queue` and `raw` give the
//!   handle of a binding or say what is wrong with it; `var` and `secret` give a value if there is
//!   one; `observers` gives those who are told of calls.
//! - `D1::run` puts the rows of one statement into a sink; `D1::batch` does so for several in one
//!   transaction. Numbers are bound as REAL.
//! - `Kv::{get, put, delete, list}`, `R2::{put, get, head, delete, list}`, `Queue::send`,
//!   `Raw::call`: one call each, within limits that the caller has checked. A `put` of R2 is whole or not at all.
//! - `Stopwatch` measures I/O time; `log_line` writes a line where the operator reads.
//!
//! Every future is `Send`. On native targets a call into JavaScript ends the process, so the choice
//! is made here, once, and no caller has a `cfg` for it.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod worker;

#[cfg(not(target_arch = "wasm32"))]
pub use native::*;
#[cfg(target_arch = "wasm32")]
pub use worker::*;
