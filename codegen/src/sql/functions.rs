//! The functions that D1 allows, as a table: their arguments, their result, and when it is NULL.
//!
//! <https://www.sqlite.org/lang_corefunc.html>, <https://www.sqlite.org/lang_aggfunc.html>,
//! <https://www.sqlite.org/lang_datefunc.html>, <https://www.sqlite.org/lang_mathfunc.html>,
//! <https://www.sqlite.org/json1.html>

use super::types::Storage;
use Argument::{Any, Integer, Number, Same, Text};

/// One function.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    /// The expected arguments; the last one repeats.
    pub(super) arguments: &'static [Argument],
    pub(super) returns: Returns,
    pub(super) null: Null,
    pub(super) kind: Kind,
}

/// The value that a function expects as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    Text,
    Integer,
    /// An INTEGER or a REAL.
    Number,
    Any,
    /// A value of the same type as the first argument.
    Same,
}

/// The type of a function's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Returns {
    /// These storage classes.
    Is(Storage),
    /// 0 or 1.
    Boolean,
    /// The type of the first argument.
    First,
    /// The type of the first argument, which the call annotates with a probability.
    Hint,
    /// The first argument as a number: an INTEGER if it is one.
    Number,
    /// The type of any argument.
    Join,
    /// The type of the first argument, or of the default in the third.
    FirstOrDefault,
    /// A part of the first argument: a BLOB if it is a BLOB, otherwise TEXT.
    Part,
    /// An INTEGER, unless a modifier requests fractions.
    Seconds,
}

/// When the result is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Null {
    Never,
    /// If any argument is NULL.
    Any,
    /// If every argument is NULL.
    All,
    /// If the first argument is NULL.
    First,
    /// If the first argument is NULL, or the frame of the window is empty.
    Frame,
    /// If the first argument, or the default in the third, can be NULL.
    Default,
    /// If the argument is NULL or not a number.
    Number,
    /// If the first argument or a path is NULL. A literal path is not.
    Path,
    /// If the argument is NULL, or nothing is at the path in a second one.
    Found,
    /// Possibly, for any arguments.
    Maybe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    Aggregate,
    Window,
}

/// Returns the function `name` for a call with this number of arguments.
pub(super) fn find(name: &str, arguments: usize) -> Option<&'static Signature> {
    let matching = || {
        FUNCTIONS
            .iter()
            .filter(|signature| signature.name.eq_ignore_ascii_case(name))
    };
    let scalar = matching().find(|signature| signature.kind == Kind::Scalar);
    let other = matching().find(|signature| signature.kind != Kind::Scalar);

    // `max(x)` is an aggregate, `max(x, y)` is not.
    match (scalar, other) {
        (Some(scalar), Some(_)) if arguments > 1 => Some(scalar),
        (scalar, None) => scalar,
        (_, other) => other,
    }
}

/// Every name, for did-you-mean.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|signature| signature.name)
}

/// Returns the replacement for a function that SQLite has and D1 denies.
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

const INTEGER: Returns = Returns::Is(Storage::INTEGER);
const REAL: Returns = Returns::Is(Storage::REAL);
const TEXT: Returns = Returns::Is(Storage::TEXT);
const BLOB: Returns = Returns::Is(Storage::BLOB);
const ANY: Returns = Returns::Is(Storage::ANY);
const FIRST_OR_DEFAULT: Returns = Returns::FirstOrDefault;

/// Sorted by name within each kind.
///
/// A name can be both an aggregate with one argument and a scalar function with more.
static FUNCTIONS: &[Signature] = &[
    aggregate("avg", &[Number], REAL, Null::All),
    aggregate("count", &[Any], INTEGER, Null::Never),
    aggregate("group_concat", &[Any, Text], TEXT, Null::All),
    aggregate("json_group_array", &[Any], TEXT, Null::Never),
    aggregate("json_group_object", &[Text, Any], TEXT, Null::Never),
    aggregate("jsonb_group_array", &[Any], BLOB, Null::Never),
    aggregate("jsonb_group_object", &[Text, Any], BLOB, Null::Never),
    aggregate("max", &[Any], Returns::First, Null::All),
    aggregate("min", &[Any], Returns::First, Null::All),
    aggregate("string_agg", &[Any, Text], TEXT, Null::All),
    aggregate("sum", &[Number], Returns::Number, Null::All),
    aggregate("total", &[Number], REAL, Null::Never),
    window("cume_dist", &[], REAL, Null::Never),
    window("dense_rank", &[], INTEGER, Null::Never),
    window("first_value", &[Any], Returns::First, Null::Frame),
    window(
        "lag",
        &[Any, Integer, Same],
        FIRST_OR_DEFAULT,
        Null::Default,
    ),
    window("last_value", &[Any], Returns::First, Null::Frame),
    window(
        "lead",
        &[Any, Integer, Same],
        FIRST_OR_DEFAULT,
        Null::Default,
    ),
    window("nth_value", &[Any, Integer], Returns::First, Null::Maybe),
    window("ntile", &[Integer], INTEGER, Null::Never),
    window("percent_rank", &[], REAL, Null::Never),
    window("rank", &[], INTEGER, Null::Never),
    window("row_number", &[], INTEGER, Null::Never),
    scalar("abs", &[Number], Returns::Number, Null::Any),
    scalar("acos", &[Number], REAL, Null::Maybe),
    scalar("acosh", &[Number], REAL, Null::Maybe),
    scalar("asin", &[Number], REAL, Null::Maybe),
    scalar("asinh", &[Number], REAL, Null::Number),
    scalar("atan", &[Number], REAL, Null::Number),
    scalar("atan2", &[Number], REAL, Null::Maybe),
    scalar("atanh", &[Number], REAL, Null::Maybe),
    scalar("bm25", &[Any, Number], REAL, Null::Never),
    scalar("ceil", &[Number], Returns::Number, Null::Number),
    scalar("changes", &[], INTEGER, Null::Never),
    scalar("char", &[Integer], TEXT, Null::Never),
    scalar("coalesce", &[Any, Same], Returns::Join, Null::All),
    scalar("concat", &[Text], TEXT, Null::Never),
    scalar("concat_ws", &[Text], TEXT, Null::First),
    scalar("cos", &[Number], REAL, Null::Maybe),
    scalar("cosh", &[Number], REAL, Null::Number),
    scalar("date", &[Text], TEXT, Null::Maybe),
    scalar("datetime", &[Text], TEXT, Null::Maybe),
    scalar("degrees", &[Number], REAL, Null::Number),
    scalar("exp", &[Number], REAL, Null::Number),
    scalar("floor", &[Number], Returns::Number, Null::Number),
    scalar("format", &[Text, Any], TEXT, Null::Maybe),
    scalar("glob", &[Text], Returns::Boolean, Null::Any),
    scalar("hex", &[Any], TEXT, Null::Never),
    scalar("highlight", &[Any, Integer, Text], TEXT, Null::Maybe),
    scalar("ifnull", &[Any, Same], Returns::Join, Null::All),
    scalar("instr", &[Text], INTEGER, Null::Any),
    scalar("json", &[Text], TEXT, Null::Any),
    scalar("json_array", &[Any], TEXT, Null::Never),
    scalar("json_array_length", &[Text], INTEGER, Null::Found),
    scalar("json_extract", &[Text], ANY, Null::Maybe),
    scalar("json_insert", &[Text, Text, Any], TEXT, Null::Path),
    scalar("json_object", &[Text, Any], TEXT, Null::Never),
    scalar("json_patch", &[Text], TEXT, Null::Any),
    scalar("json_quote", &[Any], TEXT, Null::Never),
    scalar("json_remove", &[Text], TEXT, Null::Maybe),
    scalar("json_replace", &[Text, Text, Any], TEXT, Null::Path),
    scalar("json_set", &[Text, Text, Any], TEXT, Null::Path),
    scalar("json_type", &[Text], TEXT, Null::Found),
    scalar("json_valid", &[Text, Integer], Returns::Boolean, Null::Any),
    scalar("jsonb", &[Any], BLOB, Null::Any),
    scalar("jsonb_array", &[Any], BLOB, Null::Never),
    scalar("jsonb_extract", &[Text], ANY, Null::Maybe),
    scalar("jsonb_insert", &[Text, Text, Any], BLOB, Null::Path),
    scalar("jsonb_object", &[Text, Any], BLOB, Null::Never),
    scalar("jsonb_patch", &[Text], BLOB, Null::Any),
    scalar("jsonb_remove", &[Text], BLOB, Null::Maybe),
    scalar("jsonb_replace", &[Text, Text, Any], BLOB, Null::Path),
    scalar("jsonb_set", &[Text, Text, Any], BLOB, Null::Path),
    scalar("julianday", &[Text], REAL, Null::Maybe),
    scalar("last_insert_rowid", &[], INTEGER, Null::Never),
    scalar("length", &[Text], INTEGER, Null::Any),
    scalar("like", &[Text], Returns::Boolean, Null::Any),
    scalar("likelihood", &[Any, Number], Returns::Hint, Null::First),
    scalar("likely", &[Any], Returns::Hint, Null::First),
    scalar("ln", &[Number], REAL, Null::Maybe),
    scalar("log", &[Number], REAL, Null::Maybe),
    scalar("log2", &[Number], REAL, Null::Maybe),
    scalar("lower", &[Text], TEXT, Null::Any),
    scalar("ltrim", &[Text], TEXT, Null::Any),
    scalar("match", &[Text], Returns::Boolean, Null::Any),
    scalar("max", &[Any, Same], Returns::Join, Null::Any),
    scalar("min", &[Any, Same], Returns::Join, Null::Any),
    scalar("mod", &[Number], REAL, Null::Maybe),
    scalar("nullif", &[Any, Same], Returns::First, Null::Maybe),
    scalar("octet_length", &[Any], INTEGER, Null::Any),
    scalar("pi", &[], REAL, Null::Never),
    scalar("pow", &[Number], REAL, Null::Maybe),
    scalar("printf", &[Text, Any], TEXT, Null::Maybe),
    scalar("quote", &[Any], TEXT, Null::Never),
    scalar("radians", &[Number], REAL, Null::Number),
    scalar("random", &[], INTEGER, Null::Never),
    scalar("randomblob", &[Integer], BLOB, Null::Never),
    scalar("replace", &[Text], TEXT, Null::Any),
    scalar("round", &[Number, Integer], REAL, Null::Any),
    scalar("rtrim", &[Text], TEXT, Null::Any),
    scalar("rtreecheck", &[Text], TEXT, Null::Maybe),
    scalar("sign", &[Number], INTEGER, Null::Number),
    scalar("sin", &[Number], REAL, Null::Maybe),
    scalar("sinh", &[Number], REAL, Null::Number),
    scalar(
        "snippet",
        &[Any, Integer, Text, Text, Text, Integer],
        TEXT,
        Null::Maybe,
    ),
    scalar("sqrt", &[Number], REAL, Null::Maybe),
    scalar("strftime", &[Text], TEXT, Null::Maybe),
    scalar("substr", &[Text, Integer], Returns::Part, Null::Any),
    scalar("substring", &[Text, Integer], Returns::Part, Null::Any),
    scalar("tan", &[Number], REAL, Null::Maybe),
    scalar("tanh", &[Number], REAL, Null::Number),
    scalar("time", &[Text], TEXT, Null::Maybe),
    scalar("timediff", &[Text], TEXT, Null::Maybe),
    scalar("total_changes", &[], INTEGER, Null::Never),
    scalar("trim", &[Text], TEXT, Null::Any),
    scalar("trunc", &[Number], Returns::Number, Null::Number),
    scalar("typeof", &[Any], TEXT, Null::Never),
    scalar("unhex", &[Text], BLOB, Null::Maybe),
    scalar("unicode", &[Text], INTEGER, Null::Maybe),
    scalar("unixepoch", &[Text], Returns::Seconds, Null::Maybe),
    scalar("unlikely", &[Any], Returns::Hint, Null::First),
    scalar("upper", &[Text], TEXT, Null::Any),
    scalar("zeroblob", &[Integer], BLOB, Null::Never),
];

const fn scalar(
    name: &'static str,
    arguments: &'static [Argument],
    returns: Returns,
    null: Null,
) -> Signature {
    Signature {
        name,
        arguments,
        returns,
        null,
        kind: Kind::Scalar,
    }
}

const fn aggregate(
    name: &'static str,
    arguments: &'static [Argument],
    returns: Returns,
    null: Null,
) -> Signature {
    Signature {
        name,
        arguments,
        returns,
        null,
        kind: Kind::Aggregate,
    }
}

const fn window(
    name: &'static str,
    arguments: &'static [Argument],
    returns: Returns,
    null: Null,
) -> Signature {
    Signature {
        name,
        arguments,
        returns,
        null,
        kind: Kind::Window,
    }
}

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, Kind, Signature};

    /// Real SQLite accepts a call of each function with some number of arguments.
    #[test]
    fn every_function_exists_on_d1() {
        let database = bindery_sqlite::Database::in_memory().expect("opens");
        // These work only inside a query of a full-text table.
        let full_text = ["bm25", "highlight", "snippet", "match"];

        for signature in FUNCTIONS {
            if full_text.contains(&signature.name) {
                continue;
            }
            let failures: Vec<String> = (0..6)
                .filter_map(|count| failure(&database, signature, count))
                .collect();
            assert!(failures.len() < 6, "{}: {failures:?}", signature.name);
        }
    }

    /// The error of a call with `count` arguments.
    fn failure(
        database: &bindery_sqlite::Database,
        signature: &Signature,
        count: usize,
    ) -> Option<String> {
        let arguments = vec!["0.5"; count].join(", ");
        let over = match signature.kind {
            Kind::Window => "OVER ()",
            Kind::Scalar | Kind::Aggregate => "",
        };
        let sql = format!("SELECT {}({arguments}) {over}", signature.name);
        let prepared = database.connection().prepare(&sql);
        prepared.err().map(|error| error.to_string())
    }
}
