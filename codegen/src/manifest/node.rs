//! The syntax tree of a manifest, the same for TOML and JSON, with a span for each key and value.

use std::ops::Range;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use toml::de::{DeTable, DeValue};

use crate::report::{Code, Diagnostic};
use crate::source::{FileId, Span, Spanned};

/// A value and its position.
pub(super) type Node = Spanned<Value>;

/// A value of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// A TOML date, which wrangler rejects.
    Date(String),
    Array(Vec<Node>),
    Table(Vec<(Spanned<String>, Node)>),
}

impl Value {
    /// Returns the name of the type with its article, for messages.
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

    let reader = Reader { file };
    Ok(Spanned {
        span: reader.span(document.span()),
        value: reader.table(document.get_ref()),
    })
}

/// Parses JSON with comments and trailing commas, which wrangler accepts in `.json` files, too.
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

    // wrangler accepts a byte order mark, but the parser does not. Spaces preserve the offsets.
    let unmarked = text
        .strip_prefix('\u{feff}')
        .map(|rest| format!("   {rest}"));
    let text = unmarked.as_deref().unwrap_or(text);

    let collect = jsonc_parser::CollectOptions::default();
    let parsed = jsonc_parser::parse_to_ast(text, &collect, &options).map_err(|error| {
        let (message, range) = (error.kind().to_string(), error.range());
        syntax(&message, file, range.start..range.end, "JSON")
    })?;
    match parsed.value {
        Some(value) => Ok(Reader { file }.json(&value)),
        None => Err(syntax("the file is empty", file, 0..0, "JSON")),
    }
}

/// Creates the diagnostic for a manifest that cannot be parsed.
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

/// Converts the trees of the parsers.
struct Reader {
    file: FileId,
}

impl Reader {
    fn span(&self, range: Range<usize>) -> Span {
        Span {
            file: self.file,
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
                    span: self.span(key.span()),
                };
                let value = Spanned {
                    value: self.toml(value.get_ref()),
                    span: self.span(value.span()),
                };
                (key, value)
            })
            .collect();

        // The parser does not keep the order of the file, which fields and docs follow.
        entries.sort_by_key(|(key, _)| key.span.start);
        Value::Table(entries)
    }

    fn toml(&self, value: &DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(integer) => {
                match i64::from_str_radix(integer.as_str(), integer.radix()) {
                    Ok(integer) => Value::Integer(integer),
                    Err(_) => float(integer.as_str()),
                }
            }
            DeValue::Float(text) => float(text.as_str()),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Datetime(date) => Value::Date(date.to_string()),
            DeValue::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| Spanned {
                        span: self.span(item.span()),
                        value: self.toml(item.get_ref()),
                    })
                    .collect(),
            ),
            DeValue::Table(table) => self.table(table),
        }
    }

    fn json(&self, value: &ast::Value<'_>) -> Node {
        let range = value.range();
        let span = self.span(range.start..range.end);

        let value = match value {
            ast::Value::StringLit(text) => Value::String(text.value.to_string()),
            ast::Value::NumberLit(number) => match number.value.parse() {
                Ok(integer) => Value::Integer(integer),
                Err(_) => float(number.value),
            },
            ast::Value::BooleanLit(boolean) => Value::Boolean(boolean.value),
            ast::Value::NullKeyword(_) => Value::Null,
            ast::Value::Array(array) => {
                Value::Array(array.elements.iter().map(|item| self.json(item)).collect())
            }
            ast::Value::Object(object) => self.json_object(object),
        };
        Spanned { value, span }
    }

    fn json_object(&self, object: &ast::Object<'_>) -> Value {
        let mut entries: Vec<(Spanned<String>, Node)> = Vec::new();
        for property in &object.properties {
            let range = property.name.range();
            let key = Spanned {
                value: property.name.as_str().to_owned(),
                span: self.span(range.start..range.end),
            };
            // The last value of a repeated key wins, as in JavaScript.
            entries.retain(|(known, _)| known.value != key.value);
            entries.push((key, self.json(&property.value)));
        }
        Value::Table(entries)
    }
}

fn float(text: &str) -> Value {
    Value::Float(text.parse().unwrap_or(f64::NAN))
}
