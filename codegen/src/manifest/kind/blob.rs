//! Text and data blobs: files that are bound by name.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{Key, Scope::Top, Shape::*};

pub(super) const TEXT: Definition = Definition {
    key: "text_blobs",
    title: Title::new("a", "text blob"),
    form: Form::Map,
    grammar: Key::new("text_blobs", Top, Map(&Text)),
    runtime: RuntimeType::new("blob", "TextBlob"),
    typescript: TypeScript::Name("string"),
    native: Native::Full,
    identifier: None,
    hooks: Hooks {
        embeds_file: true,
        ..Hooks::DEFAULT
    },
};

pub(super) const DATA: Definition = Definition {
    key: "data_blobs",
    title: Title::new("a", "data blob"),
    form: Form::Map,
    grammar: Key::new("data_blobs", Top, Map(&Text)),
    runtime: RuntimeType::new("blob", "DataBlob"),
    typescript: TypeScript::Name("ArrayBuffer"),
    native: Native::Full,
    identifier: None,
    hooks: Hooks {
        embeds_file: true,
        ..Hooks::DEFAULT
    },
};
