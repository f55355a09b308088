//! The math functions that the bundled SQLite lacks, and the list of functions that D1 allows.
//!
//! The bundled SQLite is built without `SQLITE_ENABLE_MATH_FUNCTIONS`. Every user would have to
//! set the compile flag, so the functions are registered at run time instead.

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};

/// The functions that D1 allows, in lower case and sorted.
pub(crate) const ALLOWED: &[&str] = &[
    "->",
    "->>",
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "avg",
    "bm25",
    "ceil",
    "changes",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "cos",
    "cosh",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "degrees",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "highlight",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_tree",
    "json_type",
    "json_valid",
    "jsonb",
    "jsonb_array",
    "jsonb_extract",
    "jsonb_group_array",
    "jsonb_group_object",
    "jsonb_insert",
    "jsonb_object",
    "jsonb_patch",
    "jsonb_remove",
    "jsonb_replace",
    "jsonb_set",
    "julianday",
    "lag",
    "last_insert_rowid",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "ln",
    "log",
    "log2",
    "lower",
    "ltrim",
    "match",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "pi",
    "pow",
    "printf",
    "quote",
    "radians",
    "random",
    "randomblob",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtreecheck",
    "rtrim",
    "sign",
    "sin",
    "sinh",
    "snippet",
    "sqrt",
    "strftime",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "tan",
    "tanh",
    "time",
    "timediff",
    "total",
    "total_changes",
    "trim",
    "trunc",
    "typeof",
    "unhex",
    "unicode",
    "unixepoch",
    "unlikely",
    "upper",
    "zeroblob",
];

/// Reports whether D1 allows a statement to call `name`.
pub(crate) fn is_allowed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // SQLite itself calls the other ones while it alters a table; a user cannot name them.
    ALLOWED.binary_search(&name.as_str()).is_ok()
        || name.starts_with("sqlite_rename_")
        || name == "sqlite_drop_column"
        || name == "sqlite_fail"
}

const FLAGS: FunctionFlags = FunctionFlags::SQLITE_UTF8
    .union(FunctionFlags::SQLITE_DETERMINISTIC)
    .union(FunctionFlags::SQLITE_INNOCUOUS);

type Unary = (&'static str, fn(f64) -> f64);

const UNARY: [Unary; 19] = [
    ("acos", f64::acos),
    ("acosh", f64::acosh),
    ("asin", f64::asin),
    ("asinh", f64::asinh),
    ("atan", f64::atan),
    ("atanh", f64::atanh),
    ("cos", f64::cos),
    ("cosh", f64::cosh),
    ("degrees", f64::to_degrees),
    ("exp", f64::exp),
    ("ln", f64::ln),
    ("log", f64::log10),
    ("log2", f64::log2),
    ("radians", f64::to_radians),
    ("sin", f64::sin),
    ("sinh", f64::sinh),
    ("sqrt", f64::sqrt),
    ("tan", f64::tan),
    ("tanh", f64::tanh),
];

const ROUNDING: [Unary; 3] = [
    ("ceil", f64::ceil),
    ("floor", f64::floor),
    ("trunc", f64::trunc),
];

type Binary = (&'static str, fn(f64, f64) -> f64);

const BINARY: [Binary; 4] = [
    ("atan2", f64::atan2),
    ("mod", |x, y| x % y),
    ("pow", f64::powf),
    ("log", |base, x| x.ln() / base.ln()),
];

/// Registers the math functions on a connection.
pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("pi", 0, FLAGS, |_| Ok(std::f64::consts::PI))?;

    for (name, function) in UNARY {
        connection.create_scalar_function(name, 1, FLAGS, move |context| {
            // SQLite returns NULL, not -inf, outside the domain of a logarithm.
            let in_domain = |x: &f64| !name.starts_with('l') || *x > 0.0;
            let argument = number(context, 0).filter(in_domain);
            Ok(argument.and_then(|x| number_or_null(function(x))))
        })?;
    }

    for (name, function) in ROUNDING {
        connection.create_scalar_function(name, 1, FLAGS, move |context| {
            Ok(match context.get_raw(0) {
                ValueRef::Integer(value) => Value::Integer(value),
                _ => number(context, 0).map_or(Value::Null, |x| Value::Real(function(x))),
            })
        })?;
    }

    for (name, function) in BINARY {
        connection.create_scalar_function(name, 2, FLAGS, move |context| {
            let (Some(x), Some(y)) = (number(context, 0), number(context, 1)) else {
                return Ok(None);
            };
            if name == "log" && (x <= 0.0 || y <= 0.0) {
                return Ok(None);
            }
            Ok(number_or_null(function(x, y)))
        })?;
    }

    Ok(())
}

/// Converts an argument as SQLite's own math functions do: blobs, NULL and text that is not a
/// number become NULL.
fn number(context: &Context<'_>, index: usize) -> Option<f64> {
    match context.get_raw(index) {
        ValueRef::Integer(value) => Some(value as f64),
        ValueRef::Real(value) => Some(value),
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

/// Converts NaN to NULL, as SQLite does.
fn number_or_null(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

#[cfg(test)]
mod tests {
    #[test]
    fn allowed_functions_are_sorted_for_binary_search() {
        assert!(super::ALLOWED.is_sorted());
    }
}
