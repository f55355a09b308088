//! Pipelines.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, REMOTE, Scope::Own, Shape::*, optional};
use crate::manifest::table::{Table, check_one_of};
use crate::report::Errors;

pub(super) const PIPELINE: Definition = Definition {
    key: "pipelines",
    title: Title::new("a", "Pipeline"),
    form: Form::List,
    grammar: Key::new(
        "pipelines",
        Own,
        List(&Table(&[
            BINDING,
            optional("stream", Text),
            optional("pipeline", Text),
            REMOTE,
        ])),
    ),
    runtime: RuntimeType::new("pipeline", "Pipeline"),
    typescript: TypeScript::Name(
        "import(\"cloudflare:pipelines\").Pipeline<import(\"cloudflare:pipelines\").PipelineRecord>",
    ),
    native: Native::Simulated("appends records to a file of JSON lines in the state folder"),
    identifier: None,
    hooks: Hooks {
        check: stream_or_pipeline,
        ..Hooks::DEFAULT
    },
};

fn stream_or_pipeline(errors: &mut Errors, table: &Table<'_>) {
    for key in ["stream", "pipeline"] {
        table.filled(errors, key);
    }
    check_one_of(errors, table, ["stream", "pipeline"], true);
}
