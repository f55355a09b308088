//! Workers Analytics Engine.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, REMOTE, Scope::Own, Shape::*, optional};

pub(super) const DATASET: Definition = Definition {
    key: "analytics_engine_datasets",
    title: Title::new("an", "Analytics Engine dataset"),
    form: Form::List,
    grammar: Key::new(
        "analytics_engine_datasets",
        Own,
        List(&Table(&[BINDING, optional("dataset", Text), REMOTE])),
    ),
    runtime: RuntimeType::new("analytics_engine", "AnalyticsEngine"),
    typescript: TypeScript::Name("AnalyticsEngineDataset"),
    native: Native::Simulated("appends data points to a file of JSON lines in the state folder"),
    identifier: None,
    hooks: Hooks {
        check: |errors, table| {
            table.filled(errors, "dataset");
        },
        ..Hooks::DEFAULT
    },
};
