//! D1's limits.
//!
//! <https://developers.cloudflare.com/d1/platform/limits/>

/// The maximum number of bound parameters of one statement.
pub const MAX_BOUND_PARAMETERS: usize = 100;
/// The maximum number of columns of a table, an index or a result.
pub const MAX_COLUMNS: usize = 100;
/// The maximum length of one statement, in bytes.
pub const MAX_SQL_BYTES: usize = 100_000;
/// The maximum length of a LIKE or GLOB pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 50;
/// The maximum size of one row, string or blob, in bytes.
pub const MAX_ROW_BYTES: usize = 2_000_000;

/// The limits of a connection, so that SQLite itself enforces them.
#[cfg(not(target_arch = "wasm32"))]
mod connection {
    use rusqlite::limits::Limit;

    use super::{
        MAX_BOUND_PARAMETERS, MAX_COLUMNS, MAX_PATTERN_BYTES, MAX_ROW_BYTES, MAX_SQL_BYTES,
    };

    const LIMITS: [(Limit, i32); 11] = [
        (Limit::SQLITE_LIMIT_LENGTH, MAX_ROW_BYTES as i32),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_BYTES as i32),
        (Limit::SQLITE_LIMIT_COLUMN, MAX_COLUMNS as i32),
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

    /// Sets every limit on a connection.
    pub(crate) fn set(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
        for (limit, value) in LIMITS {
            connection.set_limit(limit, value)?;
        }
        Ok(())
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use connection::set;
