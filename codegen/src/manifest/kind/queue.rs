//! Queues: producers.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, REMOTE, Scope::Own, Shape::*, optional, required};

pub(super) const PRODUCER: Definition = Definition {
    key: "queues.producers",
    title: Title::new("a", "queue"),
    form: Form::List,
    grammar: Key::new(
        "queues",
        Own,
        Table(&[
            optional(
                "producers",
                List(&Table(&[
                    BINDING,
                    optional("queue", Text),
                    optional("delivery_delay", Number),
                    REMOTE,
                ])),
            ),
            optional(
                "consumers",
                List(&Table(&[
                    required("queue", Text),
                    optional("type", Word(&["worker"])),
                    optional("max_batch_size", Number),
                    optional("max_batch_timeout", Number),
                    optional("max_retries", Number),
                    optional("dead_letter_queue", Text),
                    optional("max_concurrency", Either(&[Number, Null])),
                    optional("visibility_timeout_ms", Number),
                    optional("retry_delay", Number),
                ])),
            ),
        ]),
    ),
    runtime: RuntimeType {
        module: "queue",
        name: "Queue",
        is_generic: true,
    },
    typescript: TypeScript::Name("Queue"),
    native: Native::Full,
    identifier: Some("queue"),
    hooks: Hooks {
        check: |errors, table| {
            table.filled(errors, "queue");
        },
        docs: |binding, queue| match queue.setting("queue") {
            Some(name) => format!("Sends to the queue `{name}` as `{binding}`."),
            None => format!("Sends to a queue as `{binding}`."),
        },
        ..Hooks::DEFAULT
    },
};
