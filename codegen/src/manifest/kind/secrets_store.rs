//! Secrets Store.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, Scope::Own, Shape::*, required};

pub(super) const SECRET: Definition = Definition {
    key: "secrets_store_secrets",
    title: Title::new("a", "Secrets Store secret"),
    form: Form::List,
    grammar: Key::new(
        "secrets_store_secrets",
        Own,
        List(&Table(&[
            BINDING,
            required("store_id", Text),
            required("secret_name", Text),
        ])),
    ),
    runtime: RuntimeType::new("secrets_store", "StoredSecret"),
    typescript: TypeScript::Name("SecretsStoreSecret"),
    native: Native::Simulated("reads the variable with the name of the binding"),
    identifier: None,
    hooks: Hooks::DEFAULT,
};
