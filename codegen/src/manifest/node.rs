//! The syntax tree of a manifest, the same for TOML and JSON, with a span for each key and value.

use std::collections::HashMap;
use std::ops::Range;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use toml::de::{DeTable, DeValue};

use crate::report::{Code, Diagnostic, Errors, Fix, Literal};
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
pub(super) fn from_toml(
    errors: &mut Errors,
    file: FileId,
    text: &str,
) -> Result<Node, Box<Diagnostic>> {
    let document = DeTable::parse(text).map_err(|error| {
        let range = error.span().unwrap_or(0..0);
        syntax(error.message().trim_end_matches('\n'), file, range, "TOML")
    })?;

    let mut reader = Reader::new(errors, file);
    Ok(Spanned {
        span: reader.span(document.span()),
        value: reader.table(document.get_ref()),
    })
}

/// Parses JSON with comments and trailing commas, which wrangler accepts in `.json` files, too.
pub(super) fn from_json(
    errors: &mut Errors,
    file: FileId,
    text: &str,
) -> Result<Node, Box<Diagnostic>> {
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
        Some(value) => Ok(Reader::new(errors, file).json(&value)),
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

/// Converts the trees of the parsers, and reports what is lost.
struct Reader<'e> {
    errors: &'e mut Errors,
    file: FileId,
    /// Whether the value is inside `vars`, where text can replace a number.
    in_vars: bool,
}

impl<'e> Reader<'e> {
    fn new(errors: &'e mut Errors, file: FileId) -> Self {
        Self {
            errors,
            file,
            in_vars: false,
        }
    }

    /// Reads the value of a key.
    fn value_of(&mut self, key: &str, read: impl FnOnce(&mut Self) -> Node) -> Node {
        let outside = self.in_vars;
        self.in_vars |= key == "vars";
        let node = read(self);
        self.in_vars = outside;
        node
    }

    /// The fix that writes a number as text, which only a variable can be.
    fn as_text(&self, digits: &str, span: Span) -> Option<Fix> {
        let text = || Literal::Text(digits.to_owned());
        self.in_vars.then(|| Fix::Convert(span, text()))
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span {
            file: self.file,
            start: range.start,
            end: range.end,
        }
    }

    fn table(&mut self, table: &DeTable<'_>) -> Value {
        let entries = table.iter().map(|(key, value)| {
            let key = Spanned {
                value: key.get_ref().to_string(),
                span: self.span(key.span()),
            };
            let node = self.value_of(&key.value, |reader| reader.toml(value));
            (key, node)
        });
        let mut entries: Vec<(Spanned<String>, Node)> = entries.collect();

        // The parser does not keep the order of the file, which fields and docs follow.
        entries.sort_by_key(|(key, _)| key.span.start);
        Value::Table(entries)
    }

    fn toml(&mut self, value: &toml::Spanned<DeValue<'_>>) -> Node {
        let span = self.span(value.span());
        let value = match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(integer) => self.toml_integer(integer.as_str(), integer.radix(), span),
            DeValue::Float(text) => float(text.as_str()),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Datetime(date) => Value::Date(date.to_string()),
            DeValue::Array(items) => {
                Value::Array(items.iter().map(|item| self.toml(item)).collect())
            }
            DeValue::Table(table) => self.table(table),
        };
        Spanned { value, span }
    }

    /// wrangler rejects a TOML file with an integer that JavaScript would round.
    fn toml_integer(&mut self, digits: &str, radix: u32, span: Span) -> Value {
        let integer = i64::from_str_radix(digits, radix).ok();
        if let Some(integer) = integer.filter(|integer| is_safe(*integer)) {
            return Value::Integer(integer);
        }

        let fix = self.as_text(digits, span).filter(|_| radix == 10);
        self.errors.push(
            Diagnostic::new(
                Code::ManifestLimit,
                "wrangler rejects an integer that JavaScript cannot represent exactly",
                span,
            )
            .label("not between -(2^53 - 1) and 2^53 - 1")
            .fix(fix),
        );
        // A number that fits every limit, so that the cause is reported once.
        Value::Integer(1)
    }

    fn json(&mut self, value: &ast::Value<'_>) -> Node {
        let range = value.range();
        let span = self.span(range.start..range.end);

        let value = match value {
            ast::Value::StringLit(text) => Value::String(text.value.to_string()),
            ast::Value::NumberLit(number) => self.json_number(number.value, span),
            ast::Value::BooleanLit(boolean) => Value::Boolean(boolean.value),
            ast::Value::NullKeyword(_) => Value::Null,
            ast::Value::Array(array) => {
                Value::Array(array.elements.iter().map(|item| self.json(item)).collect())
            }
            ast::Value::Object(object) => self.json_object(object),
        };
        Spanned { value, span }
    }

    /// JavaScript rounds an integer that it cannot represent exactly.
    fn json_number(&mut self, digits: &str, span: Span) -> Value {
        let is_integer = digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-');
        if let Some(integer) = digits.parse().ok().filter(|integer| is_safe(*integer)) {
            return Value::Integer(integer);
        }

        let value = float(digits);
        if is_integer {
            let fix = self.as_text(digits, span);
            self.errors.push(
                Diagnostic::new(
                    Code::ManifestField,
                    "JavaScript rounds an integer that it cannot represent exactly",
                    span,
                )
                .label("not between -(2^53 - 1) and 2^53 - 1")
                .fix(fix)
                .warning(),
            );
        }
        value
    }

    fn json_object(&mut self, object: &ast::Object<'_>) -> Value {
        let mut entries: Vec<(Spanned<String>, Node)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();

        for property in &object.properties {
            let range = property.name.range();
            let key = Spanned {
                value: property.name.as_str().to_owned(),
                span: self.span(range.start..range.end),
            };
            let node = self.value_of(&key.value, |reader| reader.json(&property.value));
            match known.get(&key.value) {
                // The last value counts, as in JavaScript.
                Some(index) => {
                    let (first, _) = std::mem::replace(&mut entries[*index], (key.clone(), node));
                    self.errors.push(given_twice(&key, first.span));
                }
                None => {
                    known.insert(key.value.clone(), entries.len());
                    entries.push((key, node));
                }
            }
        }
        Value::Table(entries)
    }
}

/// A key that an object has twice.
fn given_twice(key: &Spanned<String>, first: Span) -> Diagnostic {
    let message = format!("the key `{}` is given twice", key.value);
    Diagnostic::new(Code::ManifestField, message, key.span)
        .label("only this value counts")
        .also(first, "wrangler ignores this one")
        .help("merge the two values, or remove one of them")
        .warning()
}

/// Whether JavaScript, whose numbers are all `f64`, represents an integer and its neighbors.
fn is_safe(integer: i64) -> bool {
    const MAX: u64 = (1 << 53) - 1;
    integer.unsigned_abs() <= MAX
}

fn float(text: &str) -> Value {
    Value::Float(text.parse().unwrap_or(f64::NAN))
}
