//! Holds a manifest against its [`grammar`](super::grammar): what has another type, what is missing, what is
//! not known.

use crate::report::{Diagnostic, Errors, code, nearest};
use crate::source::{Span, Spanned};

use super::grammar::{Field, KEYS, Key, Scope, Shape};
use super::node::{Node, Value};

/// Checks a whole manifest, its environments included.
pub(super) fn manifest(errors: &mut Errors, root: &Node) {
    let Value::Table(entries) = &root.value else {
        mismatch(errors, "the manifest", "a table", &root.value, root.span);
        return;
    };
    level(errors, entries, "");
    let environments = entries
        .iter()
        .find(|(key, _)| key.value == "env")
        .map(|(_, node)| &node.value);
    let Some(Value::Table(environments)) = environments else {
        return;
    };
    for (name, node) in environments {
        let path = format!("env.{}", name.value);
        match &node.value {
            Value::Table(entries) => level(errors, entries, &path),
            other => mismatch(errors, &format!("`{path}`"), "a table", other, node.span),
        }
    }
}

/// Checks the top level, or an environment.
fn level(errors: &mut Errors, entries: &[(Spanned<String>, Node)], path: &str) {
    let counts = |key: &&Key| path.is_empty() || key.scope != Scope::Top;
    for (name, node) in entries {
        match KEYS.iter().find(|key| key.field.key == name.value) {
            Some(key) if counts(&key) => {
                shape(errors, node, &key.field.shape, &join(path, &name.value))
            }
            Some(_) => errors.push(
                Diagnostic::new(
                    code::UNKNOWN_KEY,
                    format!("`{}` does not count in an environment", name.value),
                    name.span,
                )
                .label("wrangler passes this over")
                .help("write it at the top level, where it counts for every environment")
                .warning(),
            ),
            None => {
                let diagnostic = unknown(
                    name,
                    KEYS.iter().filter(counts).map(|key| &key.field),
                    "a wrangler manifest",
                );
                // A kind of binding that is passed over is missing in the environment.
                errors.push(if binds(&node.value) {
                    diagnostic
                } else {
                    diagnostic.warning()
                });
            }
        }
    }
}

/// Whether a value looks like what binds something.
fn binds(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| binds(&item.value)),
        Value::Table(entries) => entries.iter().any(|(key, _)| key.value == "binding"),
        _ => false,
    }
}

fn unknown<'a>(
    name: &Spanned<String>,
    fields: impl Iterator<Item = &'a Field>,
    of: &str,
) -> Diagnostic {
    let near = nearest(&name.value, fields.map(|field| field.key));
    let diagnostic = Diagnostic::new(
        code::UNKNOWN_KEY,
        format!("`{}` is no key of {of}", name.value),
        name.span,
    );
    let diagnostic = diagnostic.label("wrangler passes this over");
    match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

/// Checks a value.
fn shape(errors: &mut Errors, node: &Node, wanted: &Shape, path: &str) {
    match (wanted, &node.value) {
        (Shape::Text, Value::String(_))
        | (Shape::Number, Value::Integer(_) | Value::Float(_))
        | (Shape::Flag, Value::Boolean(_))
        | (Shape::Null, Value::Null)
        | (Shape::Elsewhere(_), _) => {}
        (Shape::Word(words), Value::String(text)) if words.contains(&text.as_str()) => {}
        (Shape::Word(words), Value::String(text)) => {
            let listed: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            let diagnostic = Diagnostic::new(
                code::MANIFEST_FIELD,
                format!("`{path}` must be {}, not `{text}`", listed.join(" or ")),
                node.span,
            )
            .label("not one of them");
            errors.push(match nearest(text, words.iter().copied()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic,
            });
        }
        (Shape::Json, value) => json(errors, value, node.span, path),
        (Shape::List(item), Value::Array(items)) => {
            for (index, node) in items.iter().enumerate() {
                shape(errors, node, item, &format!("{path}[{index}]"));
            }
        }
        (Shape::List(item), other) => {
            let message = format!("`{path}` must be an array, not {}", other.what());
            let diagnostic = Diagnostic::new(code::MANIFEST_FIELD, message, node.span)
                .label(format!("this is {}", other.what()));
            errors.push(match item {
                Shape::Table(_) => diagnostic.help(format!(
                    "a list of tables is written `[[{path}]]` in TOML, `[{{ ... }}]` in JSON"
                )),
                _ => diagnostic,
            });
        }
        (Shape::Map(value), Value::Table(entries)) => {
            for (name, node) in entries {
                shape(errors, node, value, &join(path, &name.value));
            }
        }
        (Shape::Table(fields), Value::Table(entries)) => table(errors, node, entries, fields, path),
        (Shape::Either(shapes), value) if shapes.iter().any(|shape| fits(shape, value)) => {}
        (wanted, found) => mismatch(
            errors,
            &format!("`{path}`"),
            &what(wanted),
            found,
            node.span,
        ),
    }
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
            Some(field) => shape(errors, node, &field.shape, &join(path, &name.value)),
            None => unknown_keys.push(name),
        }
    }
    for field in fields
        .iter()
        .filter(|field| field.required && entries.iter().all(|(name, _)| name.value != field.key))
    {
        let key = field.key;
        let message = format!("`{path}` has no `{key}`");
        // A slip of the key that is needed is one mistake.
        let slip = unknown_keys
            .iter()
            .position(|name| nearest(&name.value, [key]).is_some());
        errors.push(match slip.map(|index| unknown_keys.remove(index)) {
            Some(name) => Diagnostic::new(code::MANIFEST_FIELD, message, name.span)
                .label("no key of this table")
                .help(format!("did you mean `{key}`?")),
            None => {
                let value = match field.shape {
                    Shape::Table(_) => "{ ... }",
                    Shape::List(_) => "[...]",
                    _ => "\"...\"",
                };
                Diagnostic::new(code::MANIFEST_FIELD, message, node.span)
                    .label("belongs to this table")
                    .help(format!("add `{key} = {value}`"))
            }
        });
    }
    for name in unknown_keys {
        errors.push(unknown(name, fields.iter(), &format!("`{path}`")).warning());
    }
}

/// A date is legal TOML and nothing that JSON has.
fn json(errors: &mut Errors, value: &Value, span: Span, path: &str) {
    match value {
        Value::Date(_) => errors.push(
            Diagnostic::new(
                code::MANIFEST_FIELD,
                format!("`{path}` cannot be a date"),
                span,
            )
            .label("wrangler refuses dates")
            .help("write it in quotes"),
        ),
        Value::Array(items) => items
            .iter()
            .for_each(|item| json(errors, &item.value, item.span, path)),
        Value::Table(entries) => {
            entries.iter().for_each(|(key, node)| {
                json(errors, &node.value, node.span, &join(path, &key.value))
            });
        }
        _ => {}
    }
}

/// Whether a value has one of several shapes: those are plain ones.
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

/// The words for a shape, with their article.
fn what(shape: &Shape) -> String {
    match shape {
        Shape::Text | Shape::Word(_) => "a string".to_owned(),
        Shape::Number => "a number".to_owned(),
        Shape::Flag => "a boolean".to_owned(),
        Shape::Null => "null".to_owned(),
        Shape::List(item) => format!(
            "an array of {}s",
            what(item).split_once(' ').map_or("", |(_, noun)| noun)
        ),
        Shape::Map(_) | Shape::Table(_) => "a table".to_owned(),
        Shape::Json | Shape::Elsewhere(_) => "a value".to_owned(),
        Shape::Either(shapes) => shapes.iter().map(what).collect::<Vec<_>>().join(" or "),
    }
}

/// A value of another type than belongs there.
pub(super) fn mismatch(errors: &mut Errors, what: &str, wanted: &str, found: &Value, span: Span) {
    let message = format!("{what} must be {wanted}, not {}", found.what());
    errors.push(
        Diagnostic::new(code::MANIFEST_FIELD, message, span)
            .label(format!("this is {}", found.what())),
    );
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
