//! Compares a manifest with its [`grammar`](super::grammar): values of the wrong type, missing keys
//! and unknown keys.

use std::ops::Range;

use super::grammar::{Field, REMOVED, Scope, Shape, find, keys};
use super::node::{Node, Value};
use super::unknown;
use crate::report::{Add, Code, Diagnostic, Errors, Fix, Literal, nearest};
use crate::source::{Span, Spanned};

/// Checks a whole manifest, its environments included.
pub(super) fn manifest(errors: &mut Errors, root: &Node) {
    let Value::Table(entries) = &root.value else {
        errors.push(mismatch("the manifest", "a table", &root.value, root.span));
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
            other => errors.push(mismatch(&format!("`{path}`"), "a table", other, node.span)),
        }
    }
}

fn top_level(errors: &mut Errors, entries: &[(Spanned<String>, Node)]) {
    for (name, node) in entries {
        match find(&name.value) {
            Some(key) => check(errors, node, &key.field.shape, &name.value),
            None => {
                let fields = keys().map(|key| &key.field);
                let removed = removed(name, node);
                errors.push(
                    removed.unwrap_or_else(|| unknown::key(entries, (name, node), fields, "")),
                );
            }
        }
    }
}

fn environment(errors: &mut Errors, entries: &[(Spanned<String>, Node)], path: &str) {
    for (name, node) in entries {
        match find(&name.value) {
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
                let allowed = keys().filter(|key| key.scope != Scope::Top);
                let fields = allowed.map(|key| &key.field);
                let removed = removed(name, node);
                errors.push(
                    removed.unwrap_or_else(|| unknown::key(entries, (name, node), fields, path)),
                );
            }
        }
    }
}

/// A key that wrangler rejects.
fn removed(name: &Spanned<String>, node: &Node) -> Option<Diagnostic> {
    let mut removed = REMOVED.iter();
    let (key, reason) = removed.find(|(key, _)| *key == name.value)?;
    Some(
        Diagnostic::new(
            Code::UnknownKey,
            format!("wrangler rejects `{key}`"),
            name.span,
        )
        .label(*reason)
        .fix(Fix::Remove(name.span, node.span)),
    )
}

/// Checks a value.
fn check(errors: &mut Errors, node: &Node, expected: &Shape, path: &str) {
    match (expected, &node.value) {
        (Shape::Text | Shape::Name, Value::String(_))
        | (Shape::Number, Value::Integer(_) | Value::Float(_))
        | (Shape::Flag, Value::Boolean(_))
        | (Shape::Null, Value::Null)
        | (Shape::Elsewhere(_), _) => {}
        (Shape::Date, Value::String(text)) => date(errors, node.span, text, path),
        (Shape::Word(words), Value::String(text)) => word(errors, node.span, words, text, path),
        (Shape::Json, value) => json(errors, value, node.span, path),
        (Shape::List(item), Value::Array(items)) => {
            for (index, node) in items.iter().enumerate() {
                check(errors, node, item, &format!("{path}[{index}]"));
            }
        }
        (Shape::List(item), _) => not_an_array(errors, node, item, path),
        (Shape::Map(value), Value::Table(entries)) => {
            for (name, node) in entries {
                check(errors, node, value, &join(path, &name.value));
            }
        }
        (Shape::Table(fields), Value::Table(entries)) => table(errors, node, entries, fields, path),
        (Shape::Either(shapes), value) if shapes.iter().any(|shape| fits(shape, value)) => {}
        (expected, found) => {
            let place = format!("`{path}`");
            let diagnostic = mismatch(&place, &with_article(expected), found, node.span);
            errors.push(diagnostic.fix(convert(expected, node)));
        }
    }
}

fn word(errors: &mut Errors, span: Span, words: &[&str], text: &str, path: &str) {
    if words.contains(&text) {
        return;
    }
    let allowed: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    let message = format!("`{path}` must be {}, not `{text}`", allowed.join(" or "));
    let near = nearest(text, words.iter().copied());
    errors.push(
        Diagnostic::new(Code::ManifestField, message, span)
            .label("not an allowed value")
            .fix(near.map(|near| Fix::Guess(span, Literal::Text(near.to_owned())))),
    );
}

fn date(errors: &mut Errors, span: Span, text: &str, path: &str) {
    let has_form = text.len() == 10
        && text.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let part = |range: Range<usize>| text.get(range)?.parse::<u32>().ok();
    let is_date = has_form
        && part(5..7).is_some_and(|month| (1..=12).contains(&month))
        && part(8..10).is_some_and(|day| (1..=31).contains(&day));

    if !is_date {
        let message = match text {
            "" => format!("`{path}` is empty"),
            text => format!("`{path}` must be a date, not `{text}`"),
        };
        errors.push(
            Diagnostic::new(Code::ManifestField, message, span)
                .label("not a year, a month and a day")
                .fix(Fix::Convert(span, Literal::Text("2026-01-01".to_owned()))),
        );
    }
}

fn not_an_array(errors: &mut Errors, node: &Node, item: &Shape, path: &str) {
    let found = node.value.with_article();
    let message = format!("`{path}` must be an array, not {found}");
    let is_table = matches!(node.value, Value::Table(_));
    let can_be_item = match item {
        Shape::Table(_) | Shape::Map(_) => is_table,
        item => fits(item, &node.value),
    };
    errors.push(
        Diagnostic::new(Code::ManifestField, message, node.span)
            .label(format!("this is {found}"))
            .fix(can_be_item.then_some(Fix::Wrap(node.span, is_table))),
    );
    if can_be_item {
        check(errors, node, item, &format!("{path}[0]"));
    }
}

/// The fix that writes the same value with the expected type.
fn convert(expected: &Shape, node: &Node) -> Option<Fix> {
    let literal = match (expected, &node.value) {
        (Shape::Text, Value::Integer(integer)) => Literal::Text(integer.to_string()),
        (Shape::Text, Value::Boolean(flag)) => Literal::Text(flag.to_string()),
        (Shape::Text | Shape::Date, Value::Date(date)) => Literal::Text(date.clone()),
        (Shape::Number, Value::String(text)) => {
            Literal::Plain(text.trim().parse::<i64>().ok()?.to_string())
        }
        (Shape::Flag, Value::String(text)) => {
            Literal::Plain(text.trim().parse::<bool>().ok()?.to_string())
        }
        _ => return None,
    };
    Some(Fix::Convert(node.span, literal))
}

fn table(
    errors: &mut Errors,
    node: &Node,
    entries: &[(Spanned<String>, Node)],
    fields: &[Field],
    path: &str,
) {
    let mut unknown_keys = Vec::new();
    for entry in entries {
        let (name, node) = entry;
        match fields.iter().find(|field| field.key == name.value) {
            Some(field) => check(errors, node, &field.shape, &join(path, &name.value)),
            None => unknown_keys.push(entry),
        }
    }

    let is_missing =
        |field: &&Field| field.required && entries.iter().all(|(name, _)| name.value != field.key);
    for field in fields.iter().filter(is_missing) {
        errors.push(missing(node.span, entries, field, &mut unknown_keys, path));
    }
    for (name, node) in unknown_keys {
        errors.push(unknown::key(entries, (name, node), fields.iter(), path));
    }
}

/// A missing key. A misspelled one is reported once, as missing, and removed from `unknown_keys`.
fn missing(
    table: Span,
    entries: &[(Spanned<String>, Node)],
    field: &Field,
    unknown_keys: &mut Vec<&(Spanned<String>, Node)>,
    path: &str,
) -> Diagnostic {
    let key = field.key;
    let message = format!("`{path}` has no `{key}`");
    let misspelled = unknown_keys
        .iter()
        .position(|(name, _)| nearest(&name.value, [key]).is_some());
    if let Some(index) = misspelled {
        let (name, node) = unknown_keys.remove(index);
        return Diagnostic::new(Code::ManifestField, message, name.span)
            .label("unknown key")
            .fix(unknown::rename(entries, name, node, key));
    }

    Diagnostic::new(Code::ManifestField, message, table)
        .label("missing in this table")
        .fix(Fix::Add(Add {
            table,
            path: None,
            key: key.to_owned(),
            value: sample(field, path),
        }))
}

/// A value for a key of the table `path`, which a user replaces.
fn sample(field: &Field, path: &str) -> Literal {
    match &field.shape {
        Shape::Name => {
            let rest = path.strip_prefix("env.");
            let rest = rest.and_then(|rest| Some(rest.split_once('.')?.1));
            let words = rest.unwrap_or(path).split(['.', '[']);
            let kind = words.into_iter().next().unwrap_or_default();
            Literal::Name(kind.trim_end_matches('s').to_uppercase())
        }
        Shape::Word(words) => Literal::Text(words.first().copied().unwrap_or_default().to_owned()),
        Shape::Number => Literal::Plain("60".to_owned()),
        Shape::Flag => Literal::Plain("true".to_owned()),
        Shape::Null => Literal::Plain("null".to_owned()),
        Shape::Date => Literal::Text("2026-01-01".to_owned()),
        Shape::List(_) => Literal::List(Vec::new()),
        Shape::Table(fields) => {
            let required = fields.iter().filter(|field| field.required);
            Literal::Table(
                required
                    .map(|field| (field.key.to_owned(), sample(field, path)))
                    .collect(),
            )
        }
        Shape::Map(_) => Literal::Table(Vec::new()),
        Shape::Text | Shape::Json | Shape::Either(_) | Shape::Elsewhere(_) => {
            Literal::Text(match field.key {
                "class_name" => "MyClass".to_owned(),
                key => format!("my-{}", key.replace('_', "-")),
            })
        }
    }
}

/// Reports what JSON, in which wrangler uploads variables, cannot express.
fn json(errors: &mut Errors, value: &Value, span: Span, path: &str) {
    match value {
        Value::Date(date) => errors.push(
            Diagnostic::new(
                Code::ManifestField,
                format!("`{path}` cannot be a date"),
                span,
            )
            .label("wrangler rejects dates")
            .fix(Fix::Convert(span, Literal::Text(date.clone()))),
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
        Value::Float(float) if !float.is_finite() => errors.push(
            Diagnostic::new(
                Code::ManifestField,
                format!("`{path}` is not a finite number"),
                span,
            )
            .label("the worker receives null")
            .help("write a finite number, or a text in quotes")
            .warning(),
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
        (Shape::Text | Shape::Name, Value::String(_))
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
        Shape::Text | Shape::Name | Shape::Date | Shape::Word(_) => "string",
        Shape::Number => "number",
        Shape::Flag => "boolean",
        Shape::List(_) => "array",
        Shape::Map(_) | Shape::Table(_) => "table",
        Shape::Null | Shape::Json | Shape::Elsewhere(_) | Shape::Either(_) => "value",
    }
}

/// A value with the wrong type.
pub(super) fn mismatch(place: &str, expected: &str, found: &Value, span: Span) -> Diagnostic {
    let found = found.with_article();
    let message = format!("{place} must be {expected}, not {found}");
    Diagnostic::new(Code::ManifestField, message, span).label(format!("this is {found}"))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
