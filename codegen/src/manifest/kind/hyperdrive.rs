//! Hyperdrive.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, REMOTE, Scope::Own, Shape::*, optional, required};

pub(super) const HYPERDRIVE: Definition = Definition {
    key: "hyperdrive",
    title: Title::new("a", "Hyperdrive"),
    form: Form::List,
    grammar: Key::new(
        "hyperdrive",
        Own,
        List(&Table(&[
            BINDING,
            required("id", Text),
            optional("localConnectionString", Text),
            REMOTE,
        ])),
    ),
    runtime: RuntimeType::new("hyperdrive", "Hyperdrive"),
    typescript: TypeScript::Name("Hyperdrive"),
    native: Native::Simulated(
        "reads the connection string from \
         `CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_<BINDING>`",
    ),
    identifier: None,
    // A connection string has a password.
    hooks: Hooks {
        is_public: |key| key != "localConnectionString",
        ..Hooks::DEFAULT
    },
};
