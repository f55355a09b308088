//! Workers KV.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, REMOTE, Scope::Own, Shape::*, optional};

pub(super) const NAMESPACE: Definition = Definition {
    key: "kv_namespaces",
    title: Title::new("a", "KV namespace"),
    form: Form::List,
    grammar: Key::new(
        "kv_namespaces",
        Own,
        List(&Table(&[
            BINDING,
            optional("id", Text),
            optional("preview_id", Text),
            REMOTE,
        ])),
    ),
    runtime: RuntimeType {
        module: "kv",
        name: "Kv",
        is_generic: true,
    },
    typescript: TypeScript::Name("KVNamespace"),
    native: Native::Full,
    identifier: Some("id"),
    hooks: Hooks {
        check: |errors, table| {
            table.filled(errors, "id");
        },
        docs: |binding, namespace| match namespace.setting("id") {
            Some(id) => format!("The KV namespace `{binding}` with the id `{id}`."),
            None => format!("The KV namespace `{binding}`."),
        },
        ..Hooks::DEFAULT
    },
};
