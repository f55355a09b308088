//! Version metadata.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, Scope::Own, Shape::*};

pub(super) const METADATA: Definition = Definition {
    key: "version_metadata",
    title: Title::new("", "version metadata"),
    form: Form::Single,
    grammar: Key::new("version_metadata", Own, Table(&[BINDING])),
    runtime: RuntimeType::new("version", "VersionMetadata"),
    typescript: TypeScript::Name("WorkerVersionMetadata"),
    native: Native::Simulated("returns an id of zeros and the time the process started"),
    identifier: None,
    hooks: Hooks::DEFAULT,
};
