//! Images.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{Key, SINGLE, Scope::Own};

pub(super) const IMAGES: Definition = Definition {
    key: "images",
    title: Title::new("", "Images"),
    form: Form::Single,
    grammar: Key::new("images", Own, SINGLE),
    runtime: RuntimeType::new("images", "Images"),
    typescript: TypeScript::Name("ImagesBinding"),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks::DEFAULT,
};
