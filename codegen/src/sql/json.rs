//! The content of JSON that a statement builds with `json_object`, `json_group_array` and the like.
//!
//! SQLite writes the value of an SQL expression into JSON as follows: NULL as `null`, numbers and
//! texts as numbers and strings, and BLOBs not at all. A text that is itself JSON becomes a nested
//! value if it has the subtype of JSON, and a string otherwise. The subtype is lost where a value
//! passes through a subquery or a table, and SQLite promises neither that it is nor that it is not.
//! So a nested value whose content is known can be read either way, and one whose content is not
//! known is read as it is written.
//!
//! <https://www.sqlite.org/json1.html#value_arguments>

use crate::cache::encode_variants;
use crate::report::Code;
use crate::syntax::ast::{Expr, ExprKind, Function};

use super::analyzer::Analyzer;
use super::types::{Storage, Ty};

/// Values nested deeper than this are not known. The types of a recursive CTE could grow forever.
const MAX_DEPTH: usize = 16;

/// JSON with more values than this is not known. Nested CTEs could multiply them.
const MAX_VALUES: usize = 1000;

/// The content of a JSON text, or of a BLOB of JSONB.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// Any JSON, or a text that is not JSON.
    Unknown,
    /// An array of any length.
    List(Ty),
    /// An array of these values.
    Tuple(Vec<Ty>),
    /// An object with these keys, in this order.
    Object(Vec<(String, Ty)>),
    /// An object with any keys.
    Map(Ty),
}

encode_variants! {
    Json { 0 => Unknown, 1 => List(item), 2 => Tuple(items), 3 => Object(fields), 4 => Map(value) }
}

impl Json {
    /// The content of JSON that is built of known values.
    fn built(self) -> Self {
        let mut left = MAX_VALUES;
        if self.fits(MAX_DEPTH, &mut left) {
            self
        } else {
            Self::Unknown
        }
    }

    /// Whether the values are not nested deeper than `depth`, and not more than `left`.
    fn fits(&self, depth: usize, left: &mut usize) -> bool {
        self.values().into_iter().all(|value| {
            let is_left = depth > 0 && *left > 0;
            *left = left.saturating_sub(1);
            let json = value.json.as_ref();
            is_left && json.is_none_or(|json| json.fits(depth - 1, left))
        })
    }

    fn values(&self) -> Vec<&Ty> {
        match self {
            Self::Unknown => Vec::new(),
            Self::List(value) | Self::Map(value) => vec![value],
            Self::Tuple(items) => items.iter().collect(),
            Self::Object(fields) => fields.iter().map(|(_, value)| value).collect(),
        }
    }

    /// The content of JSON that is either of both.
    pub(super) fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::List(left), Self::List(right)) => Self::List(left.join(right)),
            (Self::Map(left), Self::Map(right)) => Self::Map(left.join(right)),
            // The empty array.
            (Self::Tuple(items), list @ Self::List(_))
            | (list @ Self::List(_), Self::Tuple(items))
                if items.is_empty() =>
            {
                list
            }
            (Self::Tuple(left), Self::Tuple(right)) if left.len() == right.len() => {
                let pairs = left.into_iter().zip(right);
                Self::Tuple(pairs.map(|(left, right)| left.join(right)).collect())
            }
            (Self::Object(left), Self::Object(right)) if same_keys(&left, &right) => {
                let pairs = left.into_iter().zip(right);
                let join = |((key, left), (_, right)): ((String, Ty), (String, Ty))| {
                    (key, left.join(right))
                };
                Self::Object(pairs.map(join).collect())
            }
            _ => Self::Unknown,
        }
    }
}

fn same_keys(left: &[(String, Ty)], right: &[(String, Ty)]) -> bool {
    let keys = |fields: &[(String, Ty)]| -> Vec<String> {
        fields.iter().map(|(key, _)| key.clone()).collect()
    };
    keys(left) == keys(right)
}

/// The content of the result of a call; `None` if it is not JSON.
pub(super) fn of_call(function: &Function, arguments: &[Ty]) -> Option<Json> {
    let name = function.name.text.to_ascii_lowercase();
    // JSONB has the same content.
    let name = match name.strip_prefix("jsonb") {
        Some(rest) => format!("json{rest}"),
        None => name,
    };
    let first = arguments.first();

    match name.as_str() {
        "json_array" => Some(Json::Tuple(arguments.to_vec()).built()),
        "json_group_array" => Some(Json::List(first?.clone()).built()),
        "json_group_object" => Some(Json::Map(arguments.get(1)?.clone()).built()),
        "json_object" => Some(object(function, arguments).map_or(Json::Unknown, Json::built)),
        "json" => Some(first?.json.as_deref().cloned().unwrap_or(Json::Unknown)),
        "json_extract" | "json_insert" | "json_patch" | "json_quote" | "json_remove"
        | "json_replace" | "json_set" => Some(Json::Unknown),
        // It returns its first argument if there is nothing to replace.
        "replace" => first?.json.as_ref().map(|_| Json::Unknown),
        _ => None,
    }
}

/// The content of `json_object('key', value, ...)`, if the keys are literals.
fn object(function: &Function, arguments: &[Ty]) -> Option<Json> {
    let keys = function.arguments.iter().step_by(2);
    let values = arguments.iter().skip(1).step_by(2);
    let fields = keys.zip(values).map(|(key, value)| match &key.kind {
        ExprKind::String(key) => Some((key.clone(), value.clone())),
        _ => None,
    });
    fields.collect::<Option<Vec<_>>>().map(Json::Object)
}

impl Analyzer<'_> {
    /// Reports a key without a value, and warns of a BLOB that a call writes into JSON.
    pub(super) fn check_json_values(&mut self, function: &Function, arguments: &[Ty]) {
        let name = function.name.text.to_ascii_lowercase();
        let all = function.arguments.iter().zip(arguments);
        let values: Vec<(&Expr, &Ty)> = match name.as_str() {
            "json_object" | "jsonb_object" if arguments.len() % 2 == 1 => {
                self.error(
                    Code::Sqlite,
                    format!("`{name}` requires an even number of arguments"),
                    &function.name.span,
                    "a key has no value",
                    "write a value after each key".to_owned(),
                );
                return;
            }
            "json_object" | "jsonb_object" | "json_group_object" | "jsonb_group_object" => {
                all.skip(1).step_by(2).collect()
            }
            "json_array" | "jsonb_array" | "json_group_array" | "jsonb_group_array"
            | "json_quote" => all.collect(),
            _ => return,
        };

        for (expr, ty) in values {
            if ty.storage != Storage::BLOB || ty.json.is_some() {
                continue;
            }
            let value = self.written(expr).to_owned();
            let warning = self.diagnostic(
                Code::JsonBlob,
                "JSON cannot hold a BLOB",
                &expr.span,
                "SQLite fails for a value that is not JSONB",
                format!("write `hex({value})`, or `json({value})` if it is JSONB"),
            );
            self.diagnostics.push(warning.warning());
        }
    }
}
