//! Durable Objects.

use super::definition::{
    Definition, Form, Hooks, Native, Resource, RuntimeType, Title, TypeScript, own_class,
};
use crate::manifest::grammar::{Key, Scope::Own, Shape::*, optional, required};
use crate::report::{Code, Diagnostic};

pub(super) const NAMESPACE: Definition = Definition {
    key: "durable_objects.bindings",
    title: Title::new("a", "Durable Object namespace"),
    form: Form::NamedList,
    grammar: Key::new(
        "durable_objects",
        Own,
        Table(&[
            optional(
                "bindings",
                List(&Table(&[
                    required("name", Name),
                    required("class_name", Text),
                    optional("script_name", Text),
                    optional("environment", Text),
                ])),
            ),
            optional(
                "code_update_strategy",
                Table(&[
                    required("mode", Word(&["immediate", "deferred"])),
                    optional("max_delay", Number),
                ]),
            ),
        ]),
    ),
    runtime: RuntimeType::new("durable_object", "DurableObjects"),
    typescript: TypeScript::Of(|namespace| {
        format!(
            "DurableObjectNamespace /* {} */",
            class_and_script(namespace)
        )
    }),
    native: Native::Simulated("runs the classes of this worker"),
    identifier: None,
    hooks: Hooks {
        check: |errors, table| {
            if let (Some((key, _)), None) = (table.entry("environment"), table.get("script_name")) {
                errors.push(
                    Diagnostic::new(
                        Code::ManifestField,
                        "`environment` needs `script_name`",
                        key.span,
                    )
                    .label("the environment of which worker?")
                    .fix(table.remove("environment")),
                );
            }
        },
        details: own_class,
        ..Hooks::DEFAULT
    },
};

/// The class, and the worker that implements it if that is another one.
pub(super) fn class_and_script(resource: &Resource) -> String {
    let class = resource.setting("class_name").unwrap_or_default();
    match resource.setting("script_name") {
        Some(script) => format!("{class} from {script}"),
        None => class.to_owned(),
    }
}
