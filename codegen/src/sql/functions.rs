//! The functions that D1 allows, as rows of data: arguments, result, and when the result is NULL.
//!
//! <https://www.sqlite.org/lang_corefunc.html>, <https://www.sqlite.org/lang_aggfunc.html>,
//! <https://www.sqlite.org/lang_datefunc.html>, <https://www.sqlite.org/lang_mathfunc.html>,
//! <https://www.sqlite.org/json1.html>

use super::types::Storage;

/// One function.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// What the arguments are, one letter each; the last repeats. `t` text, `i` whole number,
    /// `n` number, `b` blob, `a` anything, `s` the same as the first argument.
    pub(super) arguments: &'static str,
    pub(super) result: Result,
    pub(super) null: Null,
    pub(super) kind: Kind,
}

/// What a function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Result {
    /// These storage classes.
    Is(Storage),
    /// 0 or 1.
    Boolean,
    /// The type of the first argument.
    First,
    /// The first argument, of which it says how likely it is.
    Hint,
    /// The first argument as a number: whole if it is whole.
    Number,
    /// The type of any argument.
    Join,
    /// The type of the first argument, or of the default in the third.
    FirstOrDefault,
    /// A part of the first argument: a BLOB of a BLOB, TEXT of all else.
    Part,
    /// A whole number, unless a modifier asks for fractions.
    Seconds,
}

/// When the result is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Null {
    Never,
    /// When an argument is.
    Any,
    /// When every argument is.
    All,
    /// When the first argument is.
    First,
    /// When the first argument is, or the frame of the window is empty.
    Frame,
    /// Unless the first argument and the default in the third are never NULL.
    Default,
    /// It can be, whatever the arguments.
    Maybe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    Aggregate,
    Window,
}

const INTEGER: Result = Result::Is(Storage::INTEGER);
const REAL: Result = Result::Is(Storage::REAL);
const TEXT: Result = Result::Is(Storage::TEXT);
const BLOB: Result = Result::Is(Storage::BLOB);
const ANY: Result = Result::Is(Storage::ANY);

const fn scalar(name: &'static str, arguments: &'static str, result: Result, null: Null) -> Row {
    Row {
        name,
        arguments,
        result,
        null,
        kind: Kind::Scalar,
    }
}

const fn aggregate(name: &'static str, arguments: &'static str, result: Result, null: Null) -> Row {
    Row {
        name,
        arguments,
        result,
        null,
        kind: Kind::Aggregate,
    }
}

const fn window(name: &'static str, arguments: &'static str, result: Result, null: Null) -> Row {
    Row {
        name,
        arguments,
        result,
        null,
        kind: Kind::Window,
    }
}

/// Sorted by name within each kind; a name can be an aggregate with one argument and a scalar with more.
static FUNCTIONS: &[Row] = &[
    aggregate("avg", "n", REAL, Null::All),
    aggregate("count", "a", INTEGER, Null::Never),
    aggregate("group_concat", "at", TEXT, Null::All),
    aggregate("json_group_array", "a", TEXT, Null::Never),
    aggregate("json_group_object", "ta", TEXT, Null::Never),
    aggregate("jsonb_group_array", "a", BLOB, Null::Never),
    aggregate("jsonb_group_object", "ta", BLOB, Null::Never),
    aggregate("max", "a", Result::First, Null::All),
    aggregate("min", "a", Result::First, Null::All),
    aggregate("string_agg", "at", TEXT, Null::All),
    aggregate("sum", "n", Result::Number, Null::All),
    aggregate("total", "n", REAL, Null::Never),
    window("cume_dist", "", REAL, Null::Never),
    window("dense_rank", "", INTEGER, Null::Never),
    window("first_value", "a", Result::First, Null::Frame),
    window("lag", "ais", Result::FirstOrDefault, Null::Default),
    window("last_value", "a", Result::First, Null::Frame),
    window("lead", "ais", Result::FirstOrDefault, Null::Default),
    window("nth_value", "ai", Result::First, Null::Maybe),
    window("ntile", "i", INTEGER, Null::Never),
    window("percent_rank", "", REAL, Null::Never),
    window("rank", "", INTEGER, Null::Never),
    window("row_number", "", INTEGER, Null::Never),
    scalar("abs", "n", Result::Number, Null::Any),
    scalar("acos", "n", REAL, Null::Maybe),
    scalar("acosh", "n", REAL, Null::Maybe),
    scalar("asin", "n", REAL, Null::Maybe),
    scalar("asinh", "n", REAL, Null::Maybe),
    scalar("atan", "n", REAL, Null::Maybe),
    scalar("atan2", "n", REAL, Null::Maybe),
    scalar("atanh", "n", REAL, Null::Maybe),
    scalar("bm25", "an", REAL, Null::Never),
    scalar("ceil", "n", Result::Number, Null::Maybe),
    scalar("changes", "", INTEGER, Null::Never),
    scalar("char", "i", TEXT, Null::Never),
    scalar("coalesce", "as", Result::Join, Null::All),
    scalar("concat", "a", TEXT, Null::Never),
    scalar("concat_ws", "ta", TEXT, Null::First),
    scalar("cos", "n", REAL, Null::Maybe),
    scalar("cosh", "n", REAL, Null::Maybe),
    scalar("date", "t", TEXT, Null::Maybe),
    scalar("datetime", "t", TEXT, Null::Maybe),
    scalar("degrees", "n", REAL, Null::Maybe),
    scalar("exp", "n", REAL, Null::Maybe),
    scalar("floor", "n", Result::Number, Null::Maybe),
    scalar("format", "ta", TEXT, Null::Maybe),
    scalar("glob", "t", Result::Boolean, Null::Any),
    scalar("hex", "a", TEXT, Null::Never),
    scalar("highlight", "ait", TEXT, Null::Maybe),
    scalar("ifnull", "as", Result::Join, Null::All),
    scalar("instr", "t", INTEGER, Null::Any),
    scalar("json", "t", TEXT, Null::Any),
    scalar("json_array", "a", TEXT, Null::Never),
    scalar("json_array_length", "t", INTEGER, Null::Maybe),
    scalar("json_extract", "t", ANY, Null::Maybe),
    scalar("json_insert", "tta", TEXT, Null::Maybe),
    scalar("json_object", "ta", TEXT, Null::Never),
    scalar("json_patch", "t", TEXT, Null::Any),
    scalar("json_quote", "a", TEXT, Null::Never),
    scalar("json_remove", "t", TEXT, Null::Maybe),
    scalar("json_replace", "tta", TEXT, Null::Maybe),
    scalar("json_set", "tta", TEXT, Null::Maybe),
    scalar("json_type", "t", TEXT, Null::Maybe),
    scalar("json_valid", "ti", Result::Boolean, Null::Any),
    scalar("jsonb", "a", BLOB, Null::Any),
    scalar("jsonb_array", "a", BLOB, Null::Never),
    scalar("jsonb_extract", "t", ANY, Null::Maybe),
    scalar("jsonb_insert", "tta", BLOB, Null::Maybe),
    scalar("jsonb_object", "ta", BLOB, Null::Never),
    scalar("jsonb_patch", "t", BLOB, Null::Any),
    scalar("jsonb_remove", "t", BLOB, Null::Maybe),
    scalar("jsonb_replace", "tta", BLOB, Null::Maybe),
    scalar("jsonb_set", "tta", BLOB, Null::Maybe),
    scalar("julianday", "t", REAL, Null::Maybe),
    scalar("last_insert_rowid", "", INTEGER, Null::Never),
    scalar("length", "t", INTEGER, Null::Any),
    scalar("like", "t", Result::Boolean, Null::Any),
    scalar("likelihood", "an", Result::Hint, Null::First),
    scalar("likely", "a", Result::Hint, Null::First),
    scalar("ln", "n", REAL, Null::Maybe),
    scalar("log", "n", REAL, Null::Maybe),
    scalar("log2", "n", REAL, Null::Maybe),
    scalar("lower", "t", TEXT, Null::Any),
    scalar("ltrim", "t", TEXT, Null::Any),
    scalar("match", "t", Result::Boolean, Null::Any),
    scalar("max", "as", Result::Join, Null::Any),
    scalar("min", "as", Result::Join, Null::Any),
    scalar("mod", "n", REAL, Null::Maybe),
    scalar("nullif", "as", Result::First, Null::Maybe),
    scalar("octet_length", "a", INTEGER, Null::Any),
    scalar("pi", "", REAL, Null::Never),
    scalar("pow", "n", REAL, Null::Maybe),
    scalar("printf", "ta", TEXT, Null::Maybe),
    scalar("quote", "a", TEXT, Null::Never),
    scalar("radians", "n", REAL, Null::Maybe),
    scalar("random", "", INTEGER, Null::Never),
    scalar("randomblob", "i", BLOB, Null::Never),
    scalar("replace", "t", TEXT, Null::Any),
    scalar("round", "ni", REAL, Null::Any),
    scalar("rtrim", "t", TEXT, Null::Any),
    scalar("rtreecheck", "t", TEXT, Null::Maybe),
    scalar("sign", "n", INTEGER, Null::Maybe),
    scalar("sin", "n", REAL, Null::Maybe),
    scalar("sinh", "n", REAL, Null::Maybe),
    scalar("snippet", "aitttt", TEXT, Null::Maybe),
    scalar("sqrt", "n", REAL, Null::Maybe),
    scalar("strftime", "t", TEXT, Null::Maybe),
    scalar("substr", "ti", Result::Part, Null::Any),
    scalar("substring", "ti", Result::Part, Null::Any),
    scalar("tan", "n", REAL, Null::Maybe),
    scalar("tanh", "n", REAL, Null::Maybe),
    scalar("time", "t", TEXT, Null::Maybe),
    scalar("timediff", "t", TEXT, Null::Maybe),
    scalar("total_changes", "", INTEGER, Null::Never),
    scalar("trim", "t", TEXT, Null::Any),
    scalar("trunc", "n", Result::Number, Null::Maybe),
    scalar("typeof", "a", TEXT, Null::Never),
    scalar("unhex", "t", BLOB, Null::Maybe),
    scalar("unicode", "t", INTEGER, Null::Maybe),
    scalar("unixepoch", "t", Result::Seconds, Null::Maybe),
    scalar("unlikely", "a", Result::Hint, Null::First),
    scalar("upper", "t", TEXT, Null::Any),
    scalar("zeroblob", "i", BLOB, Null::Never),
];

/// The function of a name that is called with so many arguments.
pub(super) fn find(name: &str, arguments: usize) -> Option<&'static Row> {
    let matching = || {
        FUNCTIONS
            .iter()
            .filter(|row| row.name.eq_ignore_ascii_case(name))
    };
    // `max(x)` is an aggregate, `max(x, y)` is not.
    let scalar = matching().find(|row| row.kind == Kind::Scalar);
    let other = matching().find(|row| row.kind != Kind::Scalar);
    match (scalar, other) {
        (Some(scalar), Some(_)) if arguments > 1 => Some(scalar),
        (scalar, None) => scalar,
        (_, other) => other,
    }
}

/// Every name, for did-you-mean.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|row| row.name)
}

/// What to call instead of a function that SQLite has and D1 denies.
pub(super) fn alternative(name: &str) -> Option<&'static str> {
    let alternatives = [
        ("power", "pow"),
        ("ceiling", "ceil"),
        ("log10", "log"),
        ("if", "iif"),
        ("json_pretty", "json"),
        ("now", "datetime"),
    ];
    alternatives
        .into_iter()
        .find(|(denied, _)| name.eq_ignore_ascii_case(denied))
        .map(|(_, allowed)| allowed)
}

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, Kind};

    /// Real SQLite is the judge of the names: each must exist and be allowed.
    #[test]
    fn every_function_exists_on_d1() {
        let database = bindery_sqlite::Database::in_memory().expect("opens");
        let full_text = ["bm25", "highlight", "snippet", "match"];
        for row in FUNCTIONS
            .iter()
            .filter(|row| !full_text.contains(&row.name))
        {
            let failures: Vec<String> = (0..6)
                .filter_map(|count| {
                    let arguments = vec!["0.5"; count].join(", ");
                    let over = if row.kind == Kind::Window {
                        "OVER ()"
                    } else {
                        ""
                    };
                    let sql = format!("SELECT {}({arguments}) {over}", row.name);
                    database
                        .connection()
                        .prepare(&sql)
                        .err()
                        .map(|error| error.to_string())
                })
                .collect();
            assert!(failures.len() < 6, "{}: {failures:?}", row.name);
        }
    }
}
