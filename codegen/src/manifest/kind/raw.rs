//! The kinds without typed operations.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::check::mismatch;
use crate::manifest::grammar::{
    BINDING, Field, Key, REMOTE, SINGLE, Scope::*, Shape, Shape::*, optional, required,
};
use crate::manifest::table::Table as ManifestTable;
use crate::report::{Code, Diagnostic, Errors, Fix, Literal};

const RAW: RuntimeType = RuntimeType::new("raw", "Raw");

/// A definition of a kind that only has settings.
const fn raw(
    key: &'static str,
    title: Title,
    form: Form,
    shape: Shape,
    typescript: &'static str,
) -> Definition {
    Definition {
        key,
        title,
        form,
        grammar: Key::new(key, Own, shape),
        runtime: RAW,
        typescript: TypeScript::Name(typescript),
        native: Native::Unsupported,
        identifier: None,
        hooks: Hooks::DEFAULT,
    }
}

pub(super) const AI_SEARCH_NAMESPACE: Definition = raw(
    "ai_search_namespaces",
    Title::new("an", "AI Search namespace"),
    Form::List,
    List(&Table(&[BINDING, required("namespace", Text), REMOTE])),
    "AiSearchNamespace",
);

pub(super) const AI_SEARCH_INSTANCE: Definition = raw(
    "ai_search",
    Title::new("an", "AI Search instance"),
    Form::List,
    List(&Table(&[BINDING, required("instance_name", Text), REMOTE])),
    "AiSearchInstance",
);

pub(super) const AGENT_MEMORY: Definition = raw(
    "agent_memory",
    Title::new("an", "Agent Memory namespace"),
    Form::List,
    List(&Table(&[BINDING, required("namespace", Text), REMOTE])),
    "AgentMemoryNamespace",
);

pub(super) const MEDIA: Definition = raw(
    "media",
    Title::new("", "Media Transformations"),
    Form::Single,
    SINGLE,
    "MediaBinding",
);

pub(super) const STREAM: Definition = raw(
    "stream",
    Title::new("", "Stream"),
    Form::Single,
    SINGLE,
    "StreamBinding",
);

pub(super) const ANALYTICS_SQL: Definition = raw(
    "analytics",
    Title::new("", "Analytics SQL"),
    Form::Single,
    SINGLE,
    "AnalyticsSQLBinding",
);

pub(super) const ARTIFACTS: Definition = raw(
    "artifacts",
    Title::new("", "Artifacts"),
    Form::List,
    List(&Table(&[BINDING, required("namespace", Text), REMOTE])),
    "Artifacts",
);

pub(super) const FLAGSHIP: Definition = raw(
    "flagship",
    Title::new("", "Flagship"),
    Form::List,
    List(&Table(&[BINDING, optional("app_id", Text), REMOTE])),
    "Flagship",
);

pub(super) const HELLO_WORLD: Definition = raw(
    "unsafe_hello_world",
    Title::new("a", "hello world binding"),
    Form::List,
    List(&Table(&[BINDING, optional("enable_timer", Flag)])),
    "HelloWorldBinding",
);

pub(super) const UNSAFE: Definition = Definition {
    key: "unsafe.bindings",
    title: Title::new("an", "unsafe binding"),
    form: Form::NamedList,
    grammar: Key::new(
        "unsafe",
        Own,
        Table(&[
            optional("bindings", List(&Map(&Json))),
            optional("metadata", Map(&Json)),
            optional("capnp", Elsewhere("how the code is built")),
        ]),
    ),
    runtime: RAW,
    typescript: TypeScript::Of(|binding| {
        let ty = match binding.setting("type") {
            Some("ratelimit") => "RateLimit",
            Some("service") => "Fetcher",
            _ => "any",
        };
        ty.to_owned()
    }),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks {
        is_public: |key| key == "type" || key == "service",
        check: name_and_type,
        ..Hooks::DEFAULT
    },
};

/// Requires `name` and `type`. The grammar cannot, because it accepts any table for this kind.
fn name_and_type(errors: &mut Errors, table: &ManifestTable<'_>) {
    let samples = [
        ("name", Literal::Name("UNSAFE".to_owned())),
        ("type", Literal::Text("my-type".to_owned())),
    ];

    for (key, sample) in samples {
        let path = &table.path;
        match table.get(key) {
            None => errors.push(
                Diagnostic::new(
                    Code::ManifestField,
                    format!("`unsafe.{path}` has no `{key}`"),
                    table.span,
                )
                .label("missing in this table")
                .fix(table.add(key, sample)),
            ),
            Some(node) if table.string(key).is_none() => {
                let place = format!("`unsafe.{path}.{key}`");
                let diagnostic = mismatch(&place, "a string", &node.value, node.span);
                errors.push(diagnostic.fix(Fix::Convert(node.span, sample)));
            }
            Some(_) => {}
        }
    }
}

const DESTINATION: &[Field] = &[required("name", Name), required("destination", Text)];

pub(super) const LOG_FORWARDER: Definition = Definition {
    key: "logfwdr.bindings",
    title: Title::new("a", "log forwarder"),
    form: Form::NamedList,
    grammar: Key::new(
        "logfwdr",
        Inherited,
        Table(&[required("bindings", List(&Table(DESTINATION)))]),
    ),
    runtime: RAW,
    typescript: TypeScript::Name("any"),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks::DEFAULT,
};

pub(super) const WASM_MODULE: Definition = Definition {
    key: "wasm_modules",
    title: Title::new("a", "Wasm module"),
    form: Form::Map,
    grammar: Key::new("wasm_modules", Top, Map(&Text)),
    runtime: RAW,
    typescript: TypeScript::Name("WebAssembly.Module"),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks::DEFAULT,
};
