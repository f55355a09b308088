//! The grammar of a wrangler manifest, as data: every key, its values, and where it is allowed.
//!
//! The keys of bindings are in the definitions of their kinds. A test compares all of them with the
//! schema that wrangler publishes, so that a new release of wrangler shows what is missing.
//!
//! <https://developers.cloudflare.com/workers/wrangler/configuration/>

mod deploy;

use super::kind::BindingKind;

/// The values that a key accepts.
#[derive(Debug)]
pub enum Shape {
    /// A string.
    Text,
    /// The name of a binding, a string.
    Name,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A string with a date: `2026-01-31`.
    Date,
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// `null`, which TOML does not have.
    Null,
    /// Any JSON value.
    Json,
    /// An array.
    List(&'static Shape),
    /// A table whose keys the user chooses.
    Map(&'static Shape),
    /// A table with these keys.
    Table(&'static [Field]),
    /// One of several shapes.
    Either(&'static [Shape]),
    /// Any value: it does not affect the worker's code, so only wrangler checks it. The text is the
    /// reason.
    Elsewhere(&'static str),
}

/// A key of a table.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// Its values.
    pub shape: Shape,
    /// Whether the table must have it.
    pub required: bool,
}

/// A top-level key of the manifest.
#[derive(Debug)]
pub struct Key {
    /// The key and its values.
    pub field: Field,
    /// Where it is allowed.
    pub scope: Scope,
}

impl Key {
    pub(super) const fn new(key: &'static str, scope: Scope, shape: Shape) -> Self {
        Self {
            field: optional(key, shape),
            scope,
        }
    }
}

/// Where a top-level key is allowed, and whether environments inherit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Only at the top level.
    Top,
    /// In environments too. An environment without the key inherits it.
    Inherited,
    /// In environments too. An environment without the key does not inherit it.
    Own,
}

use Scope::{Inherited, Own, Top};
use Shape::{Date, Elsewhere, Flag, Json, List, Map, Name, Number, Table, Text, Word};

/// A key that the table must have.
pub(super) const fn required(key: &'static str, shape: Shape) -> Field {
    Field {
        key,
        shape,
        required: true,
    }
}

/// A key that the table may have.
pub(super) const fn optional(key: &'static str, shape: Shape) -> Field {
    Field {
        key,
        shape,
        required: false,
    }
}

const fn key(key: &'static str, scope: Scope, shape: Shape) -> Key {
    Key::new(key, scope, shape)
}

/// The name of a binding.
pub(super) const BINDING: Field = required("binding", Name);

/// Whether local development uses the deployed resource.
pub(super) const REMOTE: Field = optional("remote", Flag);

/// A kind with one binding and no settings.
pub(super) const SINGLE: Shape = Table(&[BINDING, REMOTE]);

const DEPLOY: &str = "where and how the worker runs";

/// The top-level keys that are not kinds of binding.
static OTHER_KEYS: &[Key] = &[
    // The worker.
    key("name", Inherited, Text),
    key("main", Inherited, Text),
    key(
        "env",
        Top,
        Map(&Elsewhere("each environment is a manifest itself")),
    ),
    // What the worker's code sees in addition to its bindings.
    key("vars", Own, Map(&Json)),
    key("secrets", Own, Table(&[optional("required", List(&Text))])),
    // What calls the worker's code.
    key(
        "triggers",
        Inherited,
        Table(&[
            optional("crons", List(&Text)),
            optional("events", Elsewhere("starts Workflows without code")),
        ]),
    ),
    key(
        "migrations",
        Inherited,
        List(&Table(&[
            required("tag", Text),
            optional("new_classes", List(&Text)),
            optional("new_sqlite_classes", List(&Text)),
            optional("renamed_classes", List(&Table(RENAMED_CLASS))),
            optional("transferred_classes", List(&Table(TRANSFERRED_CLASS))),
            optional("deleted_classes", List(&Text)),
        ])),
    ),
    key(
        "exports",
        Inherited,
        Map(&Elsewhere(
            "what happens to a class that is renamed, moved or deleted",
        )),
    ),
    key(
        "tail_consumers",
        Own,
        List(&Table(&[
            required("service", Text),
            optional("environment", Text),
        ])),
    ),
    key(
        "streaming_tail_consumers",
        Own,
        List(&Table(&[required("service", Text)])),
    ),
    key("connect", Own, Elsewhere(DEPLOY)),
    key("containers", Own, Elsewhere(DEPLOY)),
    key("cloudchamber", Own, Elsewhere(DEPLOY)),
    // Where it runs.
    key("account_id", Inherited, Text),
    key("compatibility_date", Inherited, Date),
    key("compatibility_flags", Inherited, List(&Text)),
    key("workers_dev", Inherited, Flag),
    key("preview_urls", Inherited, Flag),
    key("route", Inherited, Elsewhere(DEPLOY)),
    key("routes", Inherited, Elsewhere(DEPLOY)),
    key(
        "limits",
        Inherited,
        Table(&[optional("cpu_ms", Number), optional("subrequests", Number)]),
    ),
    key("placement", Inherited, Elsewhere(DEPLOY)),
    key("observability", Inherited, deploy::OBSERVABILITY),
    key("access", Inherited, Elsewhere(DEPLOY)),
    key("cache", Inherited, deploy::CACHE),
    key(
        "compliance_region",
        Inherited,
        Word(&["public", "fedramp_high"]),
    ),
    key("logpush", Inherited, Flag),
    key("first_party_worker", Inherited, Flag),
    key(
        "previews",
        Inherited,
        Elsewhere("the settings of preview deployments"),
    ),
    key("site", Top, deploy::SITE),
    key("pages_build_output_dir", Top, Text),
    key("addresses", Top, List(&Text)),
    // How it is built.
    key("build", Inherited, deploy::BUILD),
    key("base_dir", Inherited, Text),
    key("find_additional_modules", Inherited, Flag),
    key("preserve_file_names", Inherited, Flag),
    key("no_bundle", Inherited, Flag),
    key("minify", Inherited, Flag),
    key("keep_names", Inherited, Flag),
    key("upload_source_maps", Inherited, Flag),
    key("tsconfig", Inherited, Text),
    key("jsx_factory", Inherited, Text),
    key("jsx_fragment", Inherited, Text),
    key("rules", Inherited, deploy::RULES),
    key("define", Own, Map(&Text)),
    key("alias", Top, Map(&Text)),
    key("python_modules", Inherited, deploy::PYTHON_MODULES),
    key(
        "dependencies_instrumentation",
        Top,
        deploy::DEPENDENCIES_INSTRUMENTATION,
    ),
    // How wrangler behaves.
    key("$schema", Top, Text),
    key("dev", Top, deploy::DEV),
    key("keep_vars", Top, Flag),
    key("send_metrics", Top, Flag),
];

const RENAMED_CLASS: &[Field] = &[required("from", Text), required("to", Text)];
const TRANSFERRED_CLASS: &[Field] = &[
    required("from", Text),
    required("from_script", Text),
    required("to", Text),
];

/// The keys that wrangler rejects, and since when.
pub(super) const REMOVED: [(&str, &str); 2] = [
    ("node_compat", "wrangler 4 has no polyfills of Node.js"),
    (
        "legacy_env",
        "wrangler deploys each environment as a worker of its own",
    ),
];

/// Every top-level key, those of bindings first.
pub fn keys() -> impl Iterator<Item = &'static Key> + Clone {
    let bindings = BindingKind::ALL
        .iter()
        .map(|kind| &kind.definition().grammar);
    bindings.chain(OTHER_KEYS)
}

/// The top-level key with a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    keys().find(|key| key.field.key == name)
}
