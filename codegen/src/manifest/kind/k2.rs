//! K2.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, REMOTE, Scope::Own, Shape::*, required};

pub(super) const STREAM: Definition = Definition {
    key: "k2",
    title: Title::new("a", "K2 stream"),
    form: Form::List,
    grammar: Key::new(
        "k2",
        Own,
        List(&Table(&[BINDING, required("stream", Text), REMOTE])),
    ),
    runtime: RuntimeType::new("k2", "K2"),
    typescript: TypeScript::Name(
        "{\n\t\tsend(records: { content: ArrayBuffer | Uint8Array; headers?: Record<string, string> }[]): Promise<\n\t\t\t\
         { success: true } | { success: false; error: { code: number; message: string; retryable: boolean } }\n\t\t>;\n\t}",
    ),
    native: Native::Simulated("appends records to a file of JSON lines in the state folder"),
    identifier: None,
    hooks: Hooks::DEFAULT,
};
