//! The manifest as written: one tree for TOML and JSON, a span on every key and value.

use std::ops::Range;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use toml::de::{DeTable, DeValue};

use crate::report::{Code, Diagnostic};
use crate::source::{FileId, Span, Spanned};

/// A value and where it was written.
pub(super) type Node = Spanned<Value>;

/// What a manifest can hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// A TOML date, which wrangler refuses.
    Date(String),
    Array(Vec<Node>),
    Table(Vec<(Spanned<String>, Node)>),
}

impl Value {
    /// Its type in words.
    pub(super) fn with_article(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::String(_) => "a string",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Date(_) => "a date",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}

/// Parses TOML.
pub(super) fn from_toml(file: FileId, text: &str) -> Result<Node, Box<Diagnostic>> {
    let document = DeTable::parse(text).map_err(|error| {
        let range = error.span().unwrap_or(0..0);
        syntax(error.message().trim_end_matches('\n'), file, range, "TOML")
    })?;
    let spans = At(file);
    Ok(Spanned {
        span: spans.at(document.span()),
        value: spans.table(document.get_ref()),
    })
}

/// Parses JSON with comments and trailing commas, as wrangler does for both endings.
pub(super) fn from_json(file: FileId, text: &str) -> Result<Node, Box<Diagnostic>> {
    let options = jsonc_parser::ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    // wrangler accepts a byte order mark, the parser does not. Spaces keep all other offsets.
    let unmarked = text
        .strip_prefix('\u{feff}')
        .map(|rest| format!("   {rest}"));
    let text = unmarked.as_deref().unwrap_or(text);
    let parsed =
        jsonc_parser::parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &options)
            .map_err(|error| {
                let range = error.range();
                syntax(
                    &error.kind().to_string(),
                    file,
                    range.start..range.end,
                    "JSON",
                )
            })?;
    match parsed.value {
        Some(value) => Ok(At(file).json(&value)),
        None => Err(syntax("the file is empty", file, 0..0, "JSON")),
    }
}

fn syntax(message: &str, file: FileId, range: Range<usize>, format: &str) -> Box<Diagnostic> {
    let span = Span {
        file,
        start: range.start,
        end: range.end,
    };
    Box::new(
        Diagnostic::new(
            Code::ManifestSyntax,
            format!("the manifest is not valid {format}"),
            span,
        )
        .label(message.replace('\n', ", ")),
    )
}

struct At(FileId);

impl At {
    fn at(&self, range: Range<usize>) -> Span {
        Span {
            file: self.0,
            start: range.start,
            end: range.end,
        }
    }

    fn table(&self, table: &DeTable<'_>) -> Value {
        let mut entries: Vec<(Spanned<String>, Node)> = table
            .iter()
            .map(|(key, value)| {
                let key = Spanned {
                    value: key.get_ref().to_string(),
                    span: self.at(key.span()),
                };
                (
                    key,
                    Spanned {
                        span: self.at(value.span()),
                        value: self.toml(value.get_ref()),
                    },
                )
            })
            .collect();
        // In the order of the file, so that fields and docs follow it.
        entries.sort_by_key(|(key, _)| key.span.start);
        Value::Table(entries)
    }

    fn toml(&self, value: &DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map_or_else(
                    |_| Value::Float(integer.as_str().parse().unwrap_or(f64::NAN)),
                    Value::Integer,
                ),
            DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Datetime(date) => Value::Date(date.to_string()),
            DeValue::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| Spanned {
                        span: self.at(item.span()),
                        value: self.toml(item.get_ref()),
                    })
                    .collect(),
            ),
            DeValue::Table(table) => self.table(table),
        }
    }

    fn json(&self, value: &ast::Value<'_>) -> Node {
        let range = value.range();
        let span = self.at(range.start..range.end);
        let value = match value {
            ast::Value::StringLit(text) => Value::String(text.value.to_string()),
            ast::Value::NumberLit(number) => number.value.parse::<i64>().map_or_else(
                |_| Value::Float(number.value.parse().unwrap_or(f64::NAN)),
                Value::Integer,
            ),
            ast::Value::BooleanLit(boolean) => Value::Boolean(boolean.value),
            ast::Value::NullKeyword(_) => Value::Null,
            ast::Value::Array(array) => {
                Value::Array(array.elements.iter().map(|item| self.json(item)).collect())
            }
            ast::Value::Object(object) => {
                let mut entries: Vec<(Spanned<String>, Node)> = Vec::new();
                for property in &object.properties {
                    let name = property.name.range();
                    let key = Spanned {
                        value: property.name.as_str().to_owned(),
                        span: self.at(name.start..name.end),
                    };
                    // The last of a name counts, as in JavaScript.
                    entries.retain(|(known, _)| known.value != key.value);
                    entries.push((key, self.json(&property.value)));
                }
                Value::Table(entries)
            }
        };
        Spanned { value, span }
    }
}
