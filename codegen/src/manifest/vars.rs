//! Variables: the type of a value, and of the values that environments give one name.

use super::node::{Node, Value};
use crate::source::Spanned;

/// A variable of one environment.
#[derive(Debug, Clone)]
pub struct Var {
    /// Its name.
    pub name: Spanned<String>,
    /// The type of its value.
    pub ty: VarType,
    /// Its value as JSON: what the native backend starts from. On Workers the platform gives it.
    pub json: String,
}

/// What a variable can be.
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
    /// An object: its keys, in the order of the file.
    Object(Vec<VarField>),
    /// Of this type, or null.
    Nullable(Box<VarType>),
    /// Whatever JSON has: the values are of several types.
    Json,
    /// Nothing is known: null alone, or what an empty array holds.
    Unknown,
}

/// A key of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VarField {
    /// The key.
    pub key: String,
    /// The type of its values.
    pub ty: VarType,
    /// Whether some objects lack it.
    pub optional: bool,
}

impl VarType {
    /// The type of a value.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::String(_) | Value::Date(_) => Self::String,
            Value::Integer(_) => Self::Integer,
            Value::Float(_) => Self::Float,
            Value::Boolean(_) => Self::Boolean,
            Value::Null => Self::Nullable(Box::new(Self::Unknown)),
            Value::Array(items) => {
                let types = items.iter().map(|item| Self::of(&item.value));
                Self::List(Box::new(types.reduce(Self::or).unwrap_or(Self::Unknown)))
            }
            Value::Table(entries) => Self::Object(entries.iter().map(VarField::of).collect()),
        }
    }

    /// The type that holds values of both.
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
            (Self::Object(left), Self::Object(right)) => Self::Object(fields(left, right)),
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

/// The keys of two objects: one that either lacks is optional.
fn fields(left: Vec<VarField>, right: Vec<VarField>) -> Vec<VarField> {
    let mut right: Vec<Option<VarField>> = right.into_iter().map(Some).collect();
    let mut all: Vec<VarField> = Vec::with_capacity(left.len());
    for field in left {
        let same = right
            .iter_mut()
            .find(|other| other.as_ref().is_some_and(|other| other.key == field.key));
        all.push(match same.and_then(Option::take) {
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

/// A value as JSON text.
pub(super) fn json(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) | Value::Date(text) => json_string(text),
        Value::Integer(integer) => integer.to_string(),
        // JSON has no infinity and no NaN.
        Value::Float(float) if float.is_finite() => format!("{float:?}"),
        Value::Float(_) => "null".to_owned(),
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
