//! The check of JSON that a statement builds against the type of its column.
//!
//! It parses the JSON on its own, so that it does not depend on the decoders that it checks.

use std::fmt;

use bindery_codegen::sql::{JsonType, ResultColumn};
use bindery_sqlite::rusqlite::types::Value;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::random_database::{Contents, contradiction};

/// JSON whose objects keep the order of their keys, and keys that occur twice.
#[derive(Debug)]
enum Node {
    Boolean,
    Scalar(Value),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// Describes how a text contradicts the type of the JSON in a column, if it does.
#[must_use]
pub fn json_contradiction(json: &JsonType, text: &str) -> Option<String> {
    let node = match serde_json::from_str(text) {
        Ok(node) => node,
        // SQLite writes an infinity as a number that no double holds; reading it is an error. Bytes
        // that are not UTF-8 are one, too.
        Err(_) if text.contains("e+999") || text.contains('\u{fffd}') => return None,
        Err(error) => return Some(format!("{text:?}, not JSON: {error}")),
    };
    container(json, &node).map(|found| format!("{text:?}, where {found}"))
}

/// Checks an array or an object.
fn container(json: &JsonType, node: &Node) -> Option<String> {
    match (json, node) {
        (JsonType::Raw, _) => None,
        // SQLite forgot that the text is JSON.
        (_, Node::Scalar(Value::Text(text))) => json_contradiction(json, text),
        (JsonType::List(item), Node::Array(items)) => {
            items.iter().find_map(|found| value(item, found))
        }
        (JsonType::Map(item), Node::Object(fields)) => {
            fields.iter().find_map(|(_, found)| value(item, found))
        }
        (JsonType::Tuple(items), Node::Array(found)) if items.len() == found.len() => {
            let mut pairs = items.iter().zip(found);
            pairs.find_map(|(item, found)| value(item, found))
        }
        (JsonType::Object(fields), Node::Object(found)) if fields.len() == found.len() => {
            let mut pairs = fields.iter().zip(found);
            pairs.find_map(|(field, (key, found))| {
                if field.name == *key {
                    value(field, found)
                } else {
                    Some(format!("`{key}` is in place of `{}`", field.name))
                }
            })
        }
        _ => Some(format!("{node:?} is not {json:?}")),
    }
}

/// Checks a value in JSON.
fn value(column: &ResultColumn, node: &Node) -> Option<String> {
    let found = match (&column.json, node) {
        (Some(JsonType::Raw), _) => return None,
        (Some(_), Node::Scalar(Value::Null)) | (None, Node::Scalar(_)) => {
            let Node::Scalar(value) = node else {
                return None;
            };
            contradiction(column, value, Contents::Declared)
        }
        (Some(json), _) => container(json, node),
        (None, _) => Some(format!("{node:?}, not a value of SQL")),
    };
    found.map(|found| format!("`{}` is {found}", column.name))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Boolean)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        let value = i64::try_from(value).map_or(Value::Real(value as f64), Value::Integer);
        Ok(Node::Scalar(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Real(value)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = array.next_element()? {
            items.push(item);
        }
        Ok(Node::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = object.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Object(fields))
    }
}
