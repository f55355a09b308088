//! The values of keys that do not affect the code of the worker: where it runs, how it is built,
//! and how wrangler behaves.

use super::Shape::{self, Either, Elsewhere, Flag, List, Number, Table, Text, Word};
use super::{Field, optional, required};

pub(super) const BUILD: Shape = Table(&[
    optional("command", Text),
    optional("cwd", Text),
    optional("watch_dir", Either(&[Text, List(&Text)])),
]);

pub(super) const CACHE: Shape = Table(&[
    required("enabled", Flag),
    optional("cross_version_cache", Flag),
]);

pub(super) const DEPENDENCIES_INSTRUMENTATION: Shape = Table(&[
    required("enabled", Flag),
    optional("exclude_packages", List(&Text)),
]);

pub(super) const DEV: Shape = Table(&[
    optional("ip", Text),
    optional("port", Number),
    optional("inspector_port", Number),
    optional("inspector_ip", Text),
    optional("local_protocol", Word(&["http", "https"])),
    optional("upstream_protocol", Word(&["https", "http"])),
    optional("host", Text),
    optional("enable_containers", Flag),
    optional(
        "container_engine",
        Elsewhere("how containers run on the developer's machine"),
    ),
    optional("generate_types", Flag),
]);

pub(super) const OBSERVABILITY: Shape = Table(&[
    optional("enabled", Flag),
    optional("head_sampling_rate", Number),
    optional("redact_query_string", Flag),
    optional("issues", Table(&[optional("enabled", Flag)])),
    optional("logs", Table(LOGS)),
    optional("traces", Table(TRACES)),
]);

const LOGS: &[Field] = &[
    optional("enabled", Flag),
    optional("head_sampling_rate", Number),
    optional("invocation_logs", Flag),
    optional("persist", Flag),
    optional("destinations", List(&Text)),
];

const TRACES: &[Field] = &[
    optional("enabled", Flag),
    optional("head_sampling_rate", Number),
    optional("persist", Flag),
    optional("destinations", List(&Text)),
];

pub(super) const PYTHON_MODULES: Shape = Table(&[required("exclude", List(&Text))]);

pub(super) const RULES: Shape = List(&Table(&[
    required(
        "type",
        Word(&[
            "ESModule",
            "CommonJS",
            "CompiledWasm",
            "Text",
            "Data",
            "PythonModule",
            "PythonRequirement",
        ]),
    ),
    required("globs", List(&Text)),
    optional("fallthrough", Flag),
]));

pub(super) const SITE: Shape = Table(&[
    required("bucket", Text),
    optional("entry-point", Text),
    optional("include", List(&Text)),
    optional("exclude", List(&Text)),
]);
