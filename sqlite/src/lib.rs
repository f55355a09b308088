//! SQLite as D1 runs it.
//!
//! The compiler checks a query before it is built, and the native backend runs it. Both open the
//! database with this crate, so that they cannot disagree.
//!
//! A [`Database`] rejects what D1 rejects: functions, pragmas, virtual tables, transactions in SQL
//! and statements beyond D1's limits. This crate does not depend on manifests, types or generated
//! code.
//!
//! On Workers the platform is the database. There the crate contains what needs no SQLite: the
//! tokenizer, the outline of a statement, templates, the INSERT of many rows, and the limits.

pub mod bulk;
mod limits;
pub mod outline;
pub mod template;
pub mod token;

#[cfg(not(target_arch = "wasm32"))]
mod authorizer;
#[cfg(not(target_arch = "wasm32"))]
mod database;
#[cfg(not(target_arch = "wasm32"))]
mod functions;
#[cfg(not(target_arch = "wasm32"))]
pub mod history;
#[cfg(not(target_arch = "wasm32"))]
pub mod migrations;
#[cfg(not(target_arch = "wasm32"))]
pub mod replay;

pub use limits::{
    MAX_BOUND_PARAMETERS, MAX_COLUMNS, MAX_PATTERN_BYTES, MAX_ROW_BYTES, MAX_SQL_BYTES,
};

#[cfg(not(target_arch = "wasm32"))]
pub use authorizer::Access;
#[cfg(not(target_arch = "wasm32"))]
pub use database::Database;
#[cfg(not(target_arch = "wasm32"))]
pub use rusqlite;
