//! Workers for Platforms: dispatch namespaces.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{
    BINDING, Field, Key, REMOTE, Scope::Own, Shape::*, optional, required,
};

const OUTBOUND: &[Field] = &[
    required("service", Text),
    optional("environment", Text),
    optional("parameters", List(&Text)),
];

pub(super) const NAMESPACE: Definition = Definition {
    key: "dispatch_namespaces",
    title: Title::new("a", "dispatch namespace"),
    form: Form::List,
    grammar: Key::new(
        "dispatch_namespaces",
        Own,
        List(&Table(&[
            BINDING,
            optional("namespace", Text),
            optional("outbound", Table(OUTBOUND)),
            REMOTE,
        ])),
    ),
    runtime: RuntimeType::new("dispatch", "DispatchNamespace"),
    typescript: TypeScript::Name("DispatchNamespace"),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks::DEFAULT,
};
