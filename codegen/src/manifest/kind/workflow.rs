//! Workflows.

use super::definition::{
    Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript, own_class,
};
use super::durable_object::class_and_script;
use crate::manifest::grammar::{
    BINDING, Field, Key, Scope::Own, Shape, Shape::*, optional, required,
};
use crate::manifest::node::{Node, Value};
use crate::manifest::table::Table;
use crate::report::{Code, Diagnostic, Errors};

const DURATION: Shape = Either(&[Number, Text]);
const RETENTION: &[Field] = &[
    optional("success_retention", DURATION),
    optional("error_retention", DURATION),
];

pub(super) const WORKFLOW: Definition = Definition {
    key: "workflows",
    title: Title::new("a", "Workflow"),
    form: Form::List,
    grammar: Key::new(
        "workflows",
        Own,
        List(&Table(&[
            BINDING,
            required("name", Text),
            required("class_name", Text),
            optional("script_name", Text),
            optional("limits", Table(&[optional("steps", Number)])),
            optional("concurrency", Table(&[optional("limit", Number)])),
            optional("schedules", Either(&[Text, List(&Text)])),
            optional("default_retention", Table(RETENTION)),
            optional("jurisdiction", Word(&["eu", "fedramp", "us"])),
        ])),
    ),
    runtime: RuntimeType::new("workflow", "Workflow"),
    typescript: TypeScript::Of(|workflow| format!("Workflow /* {} */", class_and_script(workflow))),
    native: Native::Simulated("runs the classes of this worker"),
    identifier: None,
    hooks: Hooks {
        check: name,
        details: own_class,
        ..Hooks::DEFAULT
    },
};

/// Numbers are whole and positive, and texts are not empty.
fn settings(errors: &mut Errors, table: &Table<'_>) {
    let tables = [
        ("limits", ["steps", ""]),
        ("concurrency", ["limit", ""]),
        (
            "default_retention",
            ["success_retention", "error_retention"],
        ),
    ];
    for (key, numbers) in tables {
        let Some(inner) = table.table(key) else {
            continue;
        };
        for number in numbers {
            if let Some(node) = inner.get(number) {
                positive(errors, node, &format!("{key}.{number}"));
            }
        }
    }

    let Some(node) = table.get("schedules") else {
        return;
    };
    let is_empty = |value: &Value| matches!(value, Value::String(text) if text.is_empty());
    let lacks = match &node.value {
        Value::Array(items) => items.is_empty() || items.iter().any(|item| is_empty(&item.value)),
        value => is_empty(value),
    };
    if lacks {
        errors.push(
            Diagnostic::new(
                Code::ManifestField,
                "`schedules` has an empty schedule",
                node.span,
            )
            .label("expected a cron expression"),
        );
    }
}

fn positive(errors: &mut Errors, node: &Node, path: &str) {
    let is_positive = match &node.value {
        Value::Integer(number) => *number > 0,
        Value::Float(number) => *number > 0.0 && number.fract() == 0.0,
        Value::String(text) => !text.is_empty(),
        _ => return,
    };
    if !is_positive {
        errors.push(
            Diagnostic::new(
                Code::ManifestLimit,
                format!("`{path}` must be a whole number above 0"),
                node.span,
            )
            .label("wrangler rejects it"),
        );
    }
}

fn name(errors: &mut Errors, table: &Table<'_>) {
    settings(errors, table);
    let Some(name) = table.filled(errors, "name") else {
        return;
    };

    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_valid = name.value.len() <= 64
        && name.value.bytes().next().is_some_and(is_word)
        && name.value.bytes().all(|byte| is_word(byte) || byte == b'-');
    if !is_valid {
        let message = format!("`{}` is not a valid Workflow name", name.value);
        errors.push(
            Diagnostic::new(Code::ManifestLimit, message, name.span)
                .label("up to 64 letters, digits, `-` and `_`, no `-` at the start")
                .help("see https://developers.cloudflare.com/workflows/reference/limits/"),
        );
    }
}
