//! Workers AI.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, REMOTE, Scope::Own, Shape::*, optional};

pub(super) const AI: Definition = Definition {
    key: "ai",
    title: Title::new("", "Workers AI"),
    form: Form::Single,
    grammar: Key::new(
        "ai",
        Own,
        Table(&[BINDING, optional("staging", Flag), REMOTE]),
    ),
    runtime: RuntimeType::new("ai", "Ai"),
    typescript: TypeScript::Name("Ai"),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks::DEFAULT,
};
