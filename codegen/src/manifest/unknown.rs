//! Unknown keys. One that is close to a key with bindings is an error, because `Env` would lack
//! them.

use super::grammar::Field;
use super::kind::BindingKind;
use super::node::{Node, Value};
use crate::report::{Code, Diagnostic, Fix, Rename, nearest};
use crate::source::{Span, Spanned};

/// The entries of a table.
type Entries = [(Spanned<String>, Node)];

/// Reports an entry whose key the table `path` does not have. The manifest has the path `""`.
pub(super) fn key<'a>(
    entries: &Entries,
    (name, node): (&Spanned<String>, &Node),
    fields: impl Iterator<Item = &'a Field>,
    path: &str,
) -> Diagnostic {
    let place = match path {
        "" => String::new(),
        path if is_environment(path) => String::new(),
        path => format!(" in `{path}`"),
    };
    let message = format!("unknown key `{}`{place}", name.value);
    let diagnostic =
        Diagnostic::new(Code::UnknownKey, message, name.span).label("wrangler ignores it");

    let near = nearest(&name.value, fields.map(|field| field.key));
    let diagnostic = match near {
        Some(near) => diagnostic.fix(rename(entries, name, node, near)),
        None => diagnostic,
    };
    let is_lost = is_binding(&node.value)
        || near.is_some_and(|near| binds(path, near) && has_entries(&node.value));
    if is_lost {
        diagnostic
    } else {
        diagnostic.warning()
    }
}

/// The fix that renames the key of an entry.
pub(super) fn rename(entries: &Entries, name: &Spanned<String>, node: &Node, to: &str) -> Fix {
    let mut inside = Vec::new();
    collect(node, &mut inside);

    let taken = entries.iter().find(|(key, _)| key.value == to);
    Fix::Rename(Rename {
        key: name.span,
        inside,
        taken: taken.map(|(_, node)| node.span),
        to: to.to_owned(),
    })
}

/// The places inside a value that can repeat its key: tables, items and keys.
fn collect(node: &Node, places: &mut Vec<Span>) {
    match &node.value {
        Value::Table(entries) => {
            places.push(node.span);
            for (key, node) in entries {
                places.push(key.span);
                collect(node, places);
            }
        }
        Value::Array(items) => {
            places.push(node.span);
            for item in items {
                collect(item, places);
            }
        }
        Value::Null
        | Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Date(_) => {}
    }
}

/// Whether a path is that of an environment, whose keys are those of the manifest.
fn is_environment(path: &str) -> bool {
    path.strip_prefix("env.")
        .is_some_and(|name| !name.contains('.'))
}

/// Whether a key of the table `path` declares what `Env` or the handlers need.
fn binds(path: &str, key: &str) -> bool {
    const OTHERS: [&str; 5] = [
        "vars",
        "secrets",
        "secrets.required",
        "queues.consumers",
        "env",
    ];
    let whole = match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    let is_at = |known: &str| match whole.strip_suffix(known) {
        Some("") => true,
        Some(environment) => environment.starts_with("env.") && environment.ends_with('.'),
        None => false,
    };

    let of_kind = |kind: &BindingKind| {
        let definition = kind.definition();
        let (holder, _) = definition.holder_and_key();
        is_at(definition.key) || holder.is_some_and(is_at)
    };
    BindingKind::ALL.iter().any(of_kind) || OTHERS.into_iter().any(is_at)
}

/// Whether a value has entries or items.
fn has_entries(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Table(entries) => !entries.is_empty(),
        _ => false,
    }
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
