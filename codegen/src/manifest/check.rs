//! Compares a manifest with its [`grammar`](super::grammar): values of the wrong type, missing keys
//! and unknown keys.

use super::grammar::{Field, Scope, Shape, keys};
use super::node::{Node, Value};
use crate::report::{Code, Diagnostic, Errors, nearest};
use crate::source::{Span, Spanned};

/// Checks a whole manifest, its environments included.
pub(super) fn manifest(errors: &mut Errors, root: &Node) {
    let Value::Table(entries) = &root.value else {
        mismatch(errors, "the manifest", "a table", &root.value, root.span);
        return;
    };
    top_level(errors, entries);

    let env = entries
        .iter()
        .find(|(key, _)| key.value == "env")
        .map(|(_, node)| &node.value);
    let Some(Value::Table(environments)) = env else {
        return;
    };
    for (name, node) in environments {
        let path = format!("env.{}", name.value);
        match &node.value {
            Value::Table(entries) => environment(errors, entries, &path),
            other => mismatch(errors, &format!("`{path}`"), "a table", other, node.span),
        }
    }
}

fn top_level(errors: &mut Errors, entries: &[(Spanned<String>, Node)]) {
    for (name, node) in entries {
        match keys().find(|key| key.field.key == name.value) {
            Some(key) => check(errors, node, &key.field.shape, &name.value),
            None => unknown_manifest_key(errors, name, node, keys().map(|key| &key.field)),
        }
    }
}

fn environment(errors: &mut Errors, entries: &[(Spanned<String>, Node)], path: &str) {
    let allowed = keys().filter(|key| key.scope != Scope::Top);

    for (name, node) in entries {
        match keys().find(|key| key.field.key == name.value) {
            Some(key) if key.scope == Scope::Top => {
                let message = format!("`{}` is not allowed in an environment", name.value);
                errors.push(
                    Diagnostic::new(Code::UnknownKey, message, name.span)
                        .label("wrangler ignores it")
                        .help("move it to the top level, where it applies to every environment")
                        .warning(),
                );
            }
            Some(key) => check(errors, node, &key.field.shape, &join(path, &name.value)),
            None => {
                let fields = allowed.clone().map(|key| &key.field);
                unknown_manifest_key(errors, name, node, fields);
            }
        }
    }
}

/// An unknown key of the manifest or of an environment. It is an error if it looks like a binding,
/// because `Env` would lack that binding.
fn unknown_manifest_key<'a>(
    errors: &mut Errors,
    name: &Spanned<String>,
    node: &Node,
    fields: impl Iterator<Item = &'a Field>,
) {
    let diagnostic = unknown(name, fields, None);
    errors.push(if is_binding(&node.value) {
        diagnostic
    } else {
        diagnostic.warning()
    });
}

/// Whether a value looks like a binding.
fn is_binding(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| is_binding(&item.value)),
        Value::Table(entries) => entries.iter().any(|(key, _)| key.value == "binding"),
        Value::Null
        | Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Date(_) => false,
    }
}

/// An unknown key of the table `path`, or of the manifest itself.
fn unknown<'a>(
    name: &Spanned<String>,
    fields: impl Iterator<Item = &'a Field>,
    path: Option<&str>,
) -> Diagnostic {
    let place = path.map(|path| format!(" in `{path}`")).unwrap_or_default();
    let message = format!("unknown key `{}`{place}", name.value);
    let diagnostic =
        Diagnostic::new(Code::UnknownKey, message, name.span).label("wrangler ignores it");
    did_you_mean(
        diagnostic,
        nearest(&name.value, fields.map(|field| field.key)),
    )
}

fn did_you_mean(diagnostic: Diagnostic, name: Option<&str>) -> Diagnostic {
    match name {
        Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
        None => diagnostic,
    }
}

/// Checks a value.
fn check(errors: &mut Errors, node: &Node, expected: &Shape, path: &str) {
    match (expected, &node.value) {
        (Shape::Text, Value::String(_))
        | (Shape::Number, Value::Integer(_) | Value::Float(_))
        | (Shape::Flag, Value::Boolean(_))
        | (Shape::Null, Value::Null)
        | (Shape::Elsewhere(_), _) => {}
        (Shape::Word(words), Value::String(text)) => word(errors, node.span, words, text, path),
        (Shape::Json, value) => json(errors, value, node.span, path),
        (Shape::List(item), Value::Array(items)) => {
            for (index, node) in items.iter().enumerate() {
                check(errors, node, item, &format!("{path}[{index}]"));
            }
        }
        (Shape::List(item), other) => not_an_array(errors, node.span, item, other, path),
        (Shape::Map(value), Value::Table(entries)) => {
            for (name, node) in entries {
                check(errors, node, value, &join(path, &name.value));
            }
        }
        (Shape::Table(fields), Value::Table(entries)) => table(errors, node, entries, fields, path),
        (Shape::Either(shapes), value) if shapes.iter().any(|shape| fits(shape, value)) => {}
        (expected, found) => {
            mismatch(
                errors,
                &format!("`{path}`"),
                &with_article(expected),
                found,
                node.span,
            );
        }
    }
}

fn word(errors: &mut Errors, span: Span, words: &[&str], text: &str, path: &str) {
    if words.contains(&text) {
        return;
    }
    let allowed: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    let message = format!("`{path}` must be {}, not `{text}`", allowed.join(" or "));
    let diagnostic =
        Diagnostic::new(Code::ManifestField, message, span).label("not an allowed value");
    errors.push(did_you_mean(
        diagnostic,
        nearest(text, words.iter().copied()),
    ));
}

fn not_an_array(errors: &mut Errors, span: Span, item: &Shape, found: &Value, path: &str) {
    let message = format!("`{path}` must be an array, not {}", found.with_article());
    let label = format!("this is {}", found.with_article());
    let diagnostic = Diagnostic::new(Code::ManifestField, message, span).label(label);
    errors.push(match item {
        Shape::Table(_) => diagnostic.help(format!(
            "a list of tables is written `[[{path}]]` in TOML, `[{{ ... }}]` in JSON"
        )),
        _ => diagnostic,
    });
}

fn table(
    errors: &mut Errors,
    node: &Node,
    entries: &[(Spanned<String>, Node)],
    fields: &[Field],
    path: &str,
) {
    let mut unknown_keys = Vec::new();
    for (name, node) in entries {
        match fields.iter().find(|field| field.key == name.value) {
            Some(field) => check(errors, node, &field.shape, &join(path, &name.value)),
            None => unknown_keys.push(name),
        }
    }

    let is_missing =
        |field: &&Field| field.required && entries.iter().all(|(name, _)| name.value != field.key);
    for field in fields.iter().filter(is_missing) {
        missing(errors, node.span, field, &mut unknown_keys, path);
    }
    for name in unknown_keys {
        errors.push(unknown(name, fields.iter(), Some(path)).warning());
    }
}

/// A missing key. A misspelled one is reported once, as missing, and removed from `unknown_keys`.
fn missing(
    errors: &mut Errors,
    table: Span,
    field: &Field,
    unknown_keys: &mut Vec<&Spanned<String>>,
    path: &str,
) {
    let key = field.key;
    let message = format!("`{path}` has no `{key}`");
    let misspelled = unknown_keys
        .iter()
        .position(|name| nearest(&name.value, [key]).is_some());
    if let Some(index) = misspelled {
        let name = unknown_keys.remove(index);
        errors.push(
            Diagnostic::new(Code::ManifestField, message, name.span)
                .label("unknown key")
                .help(format!("did you mean `{key}`?")),
        );
        return;
    }

    let value = match field.shape {
        Shape::Table(_) => "{ ... }",
        Shape::List(_) => "[...]",
        _ => "\"...\"",
    };
    errors.push(
        Diagnostic::new(Code::ManifestField, message, table)
            .label("missing in this table")
            .help(format!("add `{key} = {value}`")),
    );
}

/// The largest integer up to which every integer is a JavaScript number: 2^53 - 1.
const MAX_SAFE_INTEGER: u64 = 9_007_199_254_740_991;

/// Reports dates, which wrangler rejects, and integers that Workers would round.
fn json(errors: &mut Errors, value: &Value, span: Span, path: &str) {
    match value {
        Value::Date(_) => errors.push(
            Diagnostic::new(
                Code::ManifestField,
                format!("`{path}` cannot be a date"),
                span,
            )
            .label("wrangler rejects dates")
            .help("write it in quotes"),
        ),
        Value::Array(items) => {
            for item in items {
                json(errors, &item.value, item.span, path);
            }
        }
        Value::Table(entries) => {
            for (key, node) in entries {
                json(errors, &node.value, node.span, &join(path, &key.value));
            }
        }
        Value::Integer(integer) if integer.unsigned_abs() > MAX_SAFE_INTEGER => errors.push(
            Diagnostic::new(
                Code::ManifestLimit,
                format!("`{path}` is beyond the integers that JavaScript represents exactly"),
                span,
            )
            .label("not between -(2^53 - 1) and 2^53 - 1")
            .help(format!("write it in quotes: `\"{integer}\"`")),
        ),
        Value::Null
        | Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_) => {}
    }
}

/// Whether a value has one of the shapes that [`Shape::Either`] lists, which are all simple.
fn fits(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::List(item), Value::Array(items)) => {
            items.iter().all(|node| fits(item, &node.value))
        }
        (Shape::Text, Value::String(_))
        | (Shape::Number, Value::Integer(_) | Value::Float(_))
        | (Shape::Flag, Value::Boolean(_))
        | (Shape::Null, Value::Null) => true,
        _ => false,
    }
}

/// A shape in words.
fn with_article(shape: &Shape) -> String {
    match shape {
        Shape::Null => "null".to_owned(),
        Shape::List(item) => format!("an array of {}s", noun(item)),
        Shape::Either(shapes) => shapes
            .iter()
            .map(with_article)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => format!("a {}", noun(shape)),
    }
}

fn noun(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::Word(_) => "string",
        Shape::Number => "number",
        Shape::Flag => "boolean",
        Shape::List(_) => "array",
        Shape::Map(_) | Shape::Table(_) => "table",
        Shape::Null | Shape::Json | Shape::Elsewhere(_) | Shape::Either(_) => "value",
    }
}

/// A value with the wrong type.
pub(super) fn mismatch(
    errors: &mut Errors,
    place: &str,
    expected: &str,
    found: &Value,
    span: Span,
) {
    let found = found.with_article();
    errors.push(
        Diagnostic::new(
            Code::ManifestField,
            format!("{place} must be {expected}, not {found}"),
            span,
        )
        .label(format!("this is {found}")),
    );
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
