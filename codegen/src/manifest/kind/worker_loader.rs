//! Worker Loaders.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, Scope::Own, Shape::*};

pub(super) const LOADER: Definition = Definition {
    key: "worker_loaders",
    title: Title::new("a", "Worker Loader"),
    form: Form::List,
    grammar: Key::new("worker_loaders", Own, List(&Table(&[BINDING]))),
    runtime: RuntimeType::new("worker_loader", "WorkerLoader"),
    typescript: TypeScript::Name("WorkerLoader"),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks::DEFAULT,
};
