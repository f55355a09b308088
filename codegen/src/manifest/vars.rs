//! The types of variables: of one value, and of all values that environments assign to a name.

use std::collections::HashMap;

use heck::ToSnakeCase;

use super::node::{Node, Value};
use crate::source::{Span, Spanned};

/// A variable of one environment.
#[derive(Debug, Clone)]
pub struct Var {
    /// The name.
    pub name: Spanned<String>,
    /// The type of its value.
    pub ty: VarType,
    /// The value as JSON, for the native backend. On Workers the platform provides it.
    pub json: String,
    /// The parts of the value that look like secrets.
    pub(crate) secrets: Vec<Span>,
}

impl Var {
    pub(super) fn new(name: &Spanned<String>, node: &Node) -> Self {
        Self {
            name: name.clone(),
            ty: VarType::of(&node.value),
            json: json(&node.value),
            secrets: secrets(&name.value, node),
        }
    }

    /// Whether the value, or a part of it, looks like a secret.
    #[must_use]
    pub fn looks_secret(&self) -> bool {
        !self.secrets.is_empty()
    }
}

/// The parts of the value of a variable that look like secrets.
pub(super) fn secrets(name: &str, node: &Node) -> Vec<Span> {
    let mut secrets = Vec::new();
    collect_secrets(name, node, &mut secrets);
    secrets
}

/// Finds the texts whose key looks like the name of a secret.
fn collect_secrets(key: &str, node: &Node, secrets: &mut Vec<Span>) {
    match &node.value {
        Value::String(text) if !text.is_empty() && is_secret_name(key) => secrets.push(Span {
            // Without the quotes.
            start: node.span.start + 1,
            end: node.span.end.saturating_sub(1),
            file: node.span.file,
        }),
        Value::Array(items) => {
            for item in items {
                collect_secrets(key, item, secrets);
            }
        }
        Value::Table(entries) => {
            for (key, node) in entries {
                collect_secrets(&key.value, node, secrets);
            }
        }
        Value::String(_)
        | Value::Null
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Date(_) => {}
    }
}

/// Whether a name is that of a secret: `API_TOKEN`, `stripeSecretKey`, `DB_PASSWORD`. A public key
/// is not a secret.
fn is_secret_name(name: &str) -> bool {
    const LAST: [&str; 9] = [
        "secret",
        "secrets",
        "token",
        "tokens",
        "passphrase",
        "credential",
        "credentials",
        "apikey",
        "passwd",
    ];
    const PUBLIC: [&str; 4] = ["public", "publishable", "site", "client"];

    let name = name.to_snake_case();
    let words: Vec<&str> = name.split('_').collect();
    let last = words.last().copied().unwrap_or_default();
    let is_public = words.iter().any(|word| PUBLIC.contains(word));
    let is_key = ["key", "keys"].contains(&last) && words.len() > 1 && !is_public;
    is_key || LAST.contains(&last) || name.contains("password")
}

/// The type of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VarType {
    /// A string.
    String,
    /// A whole number.
    Integer,
    /// Any other number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// An array of one type.
    List(Box<VarType>),
    /// An object; its keys are in the order of the file.
    Object(Vec<VarField>),
    /// A value of this type, or null.
    Nullable(Box<VarType>),
    /// Any JSON, because the values have several types.
    Json,
    /// An unknown type: only null was seen, or an empty array.
    Unknown,
}

/// A key of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VarField {
    /// The key.
    pub key: String,
    /// The type of its values.
    pub ty: VarType,
    /// Whether some objects do not have it.
    pub optional: bool,
}

impl VarType {
    /// Returns the type of a value.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::String(_) | Value::Date(_) => Self::String,
            Value::Integer(_) => Self::Integer,
            Value::Float(float) if float.is_finite() => Self::Float,
            Value::Boolean(_) => Self::Boolean,
            // JSON has no infinity and no NaN.
            Value::Null | Value::Float(_) => Self::Nullable(Box::new(Self::Unknown)),
            Value::Array(items) => {
                let types = items.iter().map(|item| Self::of(&item.value));
                Self::List(Box::new(types.reduce(Self::or).unwrap_or(Self::Unknown)))
            }
            Value::Table(entries) => Self::Object(entries.iter().map(VarField::of).collect()),
        }
    }

    /// Returns the smallest type that contains the values of both types.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (left, right) if left == right => left,
            (Self::Unknown, known) | (known, Self::Unknown) => known,
            (Self::Integer, Self::Float) | (Self::Float, Self::Integer) => Self::Float,
            (Self::Nullable(left), Self::Nullable(right)) => {
                Self::Nullable(Box::new(left.or(*right)))
            }
            (Self::Nullable(inner), other) | (other, Self::Nullable(inner)) => {
                Self::Nullable(Box::new(inner.or(other)))
            }
            (Self::List(left), Self::List(right)) => Self::List(Box::new(left.or(*right))),
            (Self::Object(left), Self::Object(right)) => Self::Object(merge_fields(left, right)),
            _ => Self::Json,
        }
    }
}

impl VarField {
    fn of((key, node): &(Spanned<String>, Node)) -> Self {
        Self {
            key: key.value.clone(),
            ty: VarType::of(&node.value),
            optional: false,
        }
    }
}

/// Merges the keys of two objects. A key that is missing in one of them becomes optional.
fn merge_fields(left: Vec<VarField>, right: Vec<VarField>) -> Vec<VarField> {
    let keys = right.iter().enumerate();
    let keys = keys.map(|(index, field)| (field.key.clone(), index));
    let keys: HashMap<String, usize> = keys.collect();
    let mut right: Vec<Option<VarField>> = right.into_iter().map(Some).collect();
    let mut all: Vec<VarField> = Vec::with_capacity(left.len());

    for field in left {
        let index = keys.get(&field.key).copied();
        let same_key = index.and_then(|index| right.get_mut(index)?.take());
        all.push(match same_key {
            Some(other) => VarField {
                key: field.key,
                ty: field.ty.or(other.ty),
                optional: field.optional || other.optional,
            },
            None => VarField {
                optional: true,
                ..field
            },
        });
    }

    all.extend(right.into_iter().flatten().map(|field| VarField {
        optional: true,
        ..field
    }));
    all
}

/// Formats a value as JSON.
pub(super) fn json(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) | Value::Date(text) => json_string(text),
        Value::Integer(integer) => integer.to_string(),
        Value::Float(float) => json_number(*float),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| json(&item.value)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Table(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, node)| format!("{}:{}", json_string(&key.value), json(&node.value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
    }
}

/// Formats a number as JavaScript does.
fn json_number(float: f64) -> String {
    let magnitude = float.abs();
    if !float.is_finite() {
        return "null".to_owned();
    }
    if magnitude == 0.0 {
        return "0".to_owned();
    }
    if (1e-6..1e21).contains(&magnitude) {
        return float.to_string();
    }
    let written = format!("{float:e}");
    match written.contains("e-") {
        true => written,
        false => written.replace('e', "e+"),
    }
}

fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::{is_secret_name, json_number};

    #[test]
    fn names_of_secrets_are_recognized() {
        for name in [
            "API_TOKEN",
            "CLIENT_SECRET",
            "stripeSecretKey",
            "DB_PASSWORD",
            "PASSWORD_OF_DB",
            "signing-key",
            "SECRET",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "PUBLIC_KEY",
            "TURNSTILE_SITE_KEY",
            "KEY",
            "TOKEN_URL",
            "SECRET_NAME",
            "MONKEY",
            "KEYS_PER_PAGE",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn numbers_are_written_as_in_javascript() {
        for (float, expected) in [
            (5.0, "5"),
            (-0.0, "0"),
            (1.5, "1.5"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (100_000_000_000_000_000_000.0, "100000000000000000000"),
            (1e23, "1e+23"),
            (f64::INFINITY, "null"),
            (f64::NAN, "null"),
        ] {
            assert_eq!(json_number(float), expected);
        }
    }
}
