//! D1's limits, set on the connection so that SQLite itself keeps them.
//!
//! <https://developers.cloudflare.com/d1/platform/limits/>

use rusqlite::limits::Limit;

/// Bound parameters that one statement may have.
pub const MAX_BOUND_PARAMETERS: usize = 100;
/// Bytes of SQL text that one statement may have.
pub const MAX_SQL_BYTES: usize = 100_000;
/// Bytes that a pattern of LIKE or GLOB may have.
pub const MAX_PATTERN_BYTES: usize = 50;
/// Bytes that one row, string or blob may have.
pub const MAX_ROW_BYTES: usize = 2_000_000;

const LIMITS: [(Limit, i32); 11] = [
    (Limit::SQLITE_LIMIT_LENGTH, MAX_ROW_BYTES as i32),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_BYTES as i32),
    (Limit::SQLITE_LIMIT_COLUMN, 100),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 5),
    (Limit::SQLITE_LIMIT_VDBE_OP, 25_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 127),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (
        Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH,
        MAX_PATTERN_BYTES as i32,
    ),
    (
        Limit::SQLITE_LIMIT_VARIABLE_NUMBER,
        MAX_BOUND_PARAMETERS as i32,
    ),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
];

pub(crate) fn set(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    for (limit, value) in LIMITS {
        connection.set_limit(limit, value)?;
    }
    Ok(())
}
