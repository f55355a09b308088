//! Vectorize.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, REMOTE, Scope::Own, Shape::*, required};

pub(super) const INDEX: Definition = Definition {
    key: "vectorize",
    title: Title::new("a", "Vectorize index"),
    form: Form::List,
    grammar: Key::new(
        "vectorize",
        Own,
        List(&Table(&[BINDING, required("index_name", Text), REMOTE])),
    ),
    runtime: RuntimeType::new("vectorize", "Vectorize"),
    typescript: TypeScript::Name("VectorizeIndex"),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks::DEFAULT,
};
