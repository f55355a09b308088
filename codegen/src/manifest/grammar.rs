//! The grammar of a wrangler manifest, as data: every key, what it may hold, and where it may stand.
//!
//! A test walks the schema that wrangler publishes and fails where this says anything else, so a new release of
//! wrangler shows what is missing here.
//!
//! <https://developers.cloudflare.com/workers/wrangler/configuration/>

/// What a value may be.
#[derive(Debug)]
pub enum Shape {
    /// A string.
    Text,
    /// One of some strings.
    Word(&'static [&'static str]),
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// `null`, which TOML does not have.
    Null,
    /// Anything that JSON has.
    Json,
    /// An array.
    List(&'static Shape),
    /// A table with keys of the user's own.
    Map(&'static Shape),
    /// A table with these keys.
    Table(&'static [Field]),
    /// One of several.
    Either(&'static [Shape]),
    /// What holds nothing that a Worker's code can see: it is wrangler's to check.
    Elsewhere(&'static str),
}

/// A key of a table.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// Whether the table needs it.
    pub required: bool,
}

/// A key of the manifest itself.
#[derive(Debug)]
pub struct Key {
    /// The key and what it holds.
    pub field: Field,
    /// Where it counts.
    pub scope: Scope,
}

/// Where a key of the manifest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// At the top level alone.
    Top,
    /// An environment that lacks it has the top level's.
    Inherited,
    /// An environment that lacks it has none.
    Own,
}

use Scope::{Inherited, Own, Top};
use Shape::{Either, Elsewhere, Flag, Json, List, Map, Null, Number, Table, Text, Word};

const fn needs(key: &'static str, shape: Shape) -> Field {
    Field {
        key,
        shape,
        required: true,
    }
}

const fn may(key: &'static str, shape: Shape) -> Field {
    Field {
        key,
        shape,
        required: false,
    }
}

const fn key(key: &'static str, scope: Scope, shape: Shape) -> Key {
    Key {
        field: may(key, shape),
        scope,
    }
}

/// Nearly every binding can be had from the network while the rest runs locally.
const REMOTE: Field = may("remote", Flag);
const BINDING: Field = needs("binding", Text);
const TEXTS: Shape = List(&Text);

/// `[binding]`, and nothing more.
const ALONE: Shape = Table(&[BINDING, REMOTE]);

const NUMBER_OR_TEXT: Shape = Either(&[Number, Text]);
const JURISDICTION: Shape = Word(&["eu", "fedramp", "us"]);
const WORKFLOW_LIMITS: Field = may("limits", Table(&[may("steps", Number)]));
const CONCURRENCY: Field = may("concurrency", Table(&[may("limit", Number)]));
const SCHEDULES: Field = may("schedules", Either(&[Text, TEXTS]));
const RETENTION: Field = may(
    "default_retention",
    Table(&[
        may("success_retention", NUMBER_OR_TEXT),
        may("error_retention", NUMBER_OR_TEXT),
    ]),
);

const BUILD: &str = "how the code is made";
const DEPLOY: &str = "where and how the worker runs";
const DEVELOP: &str = "how wrangler itself behaves";

/// Every key of a manifest.
pub static KEYS: &[Key] = &[
    // What the worker is.
    key("name", Inherited, Text),
    key("main", Inherited, Text),
    key("env", Top, Map(&Elsewhere("each is a manifest again"))),
    // What the worker's code sees.
    key("vars", Own, Map(&Json)),
    key("secrets", Own, Table(&[may("required", TEXTS)])),
    key(
        "kv_namespaces",
        Own,
        List(&Table(&[
            BINDING,
            may("id", Text),
            may("preview_id", Text),
            REMOTE,
        ])),
    ),
    key(
        "d1_databases",
        Own,
        List(&Table(&[
            BINDING,
            may("database_name", Text),
            may("database_id", Text),
            may("jurisdiction", Text),
            may("preview_database_id", Text),
            may("migrations_table", Text),
            may("migrations_dir", Text),
            may("migrations_pattern", Text),
            may("database_internal_env", Text),
            REMOTE,
        ])),
    ),
    key(
        "r2_buckets",
        Own,
        List(&Table(&[
            BINDING,
            may("bucket_name", Text),
            may("preview_bucket_name", Text),
            may("jurisdiction", Text),
            REMOTE,
            may(
                "local_dev",
                Table(&[may(
                    "experimental_s3_credentials",
                    Table(&[needs("accessKeyId", Text), needs("secretAccessKey", Text)]),
                )]),
            ),
        ])),
    ),
    key(
        "queues",
        Own,
        Table(&[
            may(
                "producers",
                List(&Table(&[
                    BINDING,
                    may("queue", Text),
                    may("delivery_delay", Number),
                    REMOTE,
                ])),
            ),
            may(
                "consumers",
                List(&Table(&[
                    needs("queue", Text),
                    may("type", Word(&["worker"])),
                    may("max_batch_size", Number),
                    may("max_batch_timeout", Number),
                    may("max_retries", Number),
                    may("dead_letter_queue", Text),
                    may("max_concurrency", Either(&[Number, Null])),
                    may("visibility_timeout_ms", Number),
                    may("retry_delay", Number),
                ])),
            ),
        ]),
    ),
    key(
        "durable_objects",
        Own,
        Table(&[
            may(
                "bindings",
                List(&Table(&[
                    needs("name", Text),
                    needs("class_name", Text),
                    may("script_name", Text),
                    may("environment", Text),
                ])),
            ),
            may(
                "code_update_strategy",
                Table(&[
                    needs("mode", Word(&["immediate", "deferred"])),
                    may("max_delay", Number),
                ]),
            ),
        ]),
    ),
    key(
        "services",
        Own,
        List(&Table(&[
            BINDING,
            needs("service", Text),
            may("entrypoint", Text),
            may("props", Map(&Json)),
            REMOTE,
        ])),
    ),
    key(
        "workflows",
        Own,
        List(&Table(&[
            BINDING,
            needs("name", Text),
            needs("class_name", Text),
            may("script_name", Text),
            WORKFLOW_LIMITS,
            CONCURRENCY,
            SCHEDULES,
            RETENTION,
            may("jurisdiction", JURISDICTION),
        ])),
    ),
    key(
        "hyperdrive",
        Own,
        List(&Table(&[
            BINDING,
            needs("id", Text),
            may("localConnectionString", Text),
            REMOTE,
        ])),
    ),
    key(
        "vectorize",
        Own,
        List(&Table(&[BINDING, needs("index_name", Text), REMOTE])),
    ),
    key("ai", Own, Table(&[BINDING, may("staging", Flag), REMOTE])),
    key(
        "ai_search_namespaces",
        Own,
        List(&Table(&[BINDING, needs("namespace", Text), REMOTE])),
    ),
    key(
        "ai_search",
        Own,
        List(&Table(&[BINDING, needs("instance_name", Text), REMOTE])),
    ),
    key(
        "agent_memory",
        Own,
        List(&Table(&[BINDING, needs("namespace", Text), REMOTE])),
    ),
    key("browser", Own, ALONE),
    key("images", Own, ALONE),
    key("media", Own, ALONE),
    key("stream", Own, ALONE),
    key("analytics", Own, ALONE),
    key(
        "analytics_engine_datasets",
        Own,
        List(&Table(&[BINDING, may("dataset", Text), REMOTE])),
    ),
    key(
        "send_email",
        Own,
        List(&Table(&[
            needs("name", Text),
            may("destination_address", Text),
            may("allowed_destination_addresses", TEXTS),
            may("allowed_sender_addresses", TEXTS),
            REMOTE,
        ])),
    ),
    key(
        "ratelimits",
        Own,
        List(&Table(&[
            needs("name", Text),
            needs("namespace_id", Text),
            needs(
                "simple",
                Table(&[needs("limit", Number), needs("period", Number)]),
            ),
        ])),
    ),
    key(
        "secrets_store_secrets",
        Own,
        List(&Table(&[
            BINDING,
            needs("store_id", Text),
            needs("secret_name", Text),
        ])),
    ),
    key("version_metadata", Own, Table(&[BINDING])),
    key(
        "assets",
        Inherited,
        Table(&[
            may("directory", Text),
            may("binding", Text),
            may(
                "html_handling",
                Word(&[
                    "auto-trailing-slash",
                    "force-trailing-slash",
                    "drop-trailing-slash",
                    "none",
                ]),
            ),
            may(
                "not_found_handling",
                Word(&["single-page-application", "404-page", "none"]),
            ),
            may("base_path", Text),
            may("run_worker_first", Either(&[TEXTS, Flag])),
        ]),
    ),
    key(
        "dispatch_namespaces",
        Own,
        List(&Table(&[
            BINDING,
            may("namespace", Text),
            may(
                "outbound",
                Table(&[
                    needs("service", Text),
                    may("environment", Text),
                    may("parameters", TEXTS),
                ]),
            ),
            REMOTE,
        ])),
    ),
    key(
        "mtls_certificates",
        Own,
        List(&Table(&[BINDING, needs("certificate_id", Text), REMOTE])),
    ),
    key(
        "pipelines",
        Own,
        List(&Table(&[
            BINDING,
            may("stream", Text),
            may("pipeline", Text),
            REMOTE,
        ])),
    ),
    key(
        "k2",
        Own,
        List(&Table(&[BINDING, needs("stream", Text), REMOTE])),
    ),
    key(
        "vpc_services",
        Own,
        List(&Table(&[BINDING, needs("service_id", Text), REMOTE])),
    ),
    key(
        "vpc_networks",
        Own,
        List(&Table(&[
            BINDING,
            may("tunnel_id", Text),
            may("network_id", Text),
            REMOTE,
        ])),
    ),
    key("worker_loaders", Own, List(&Table(&[BINDING]))),
    key(
        "artifacts",
        Own,
        List(&Table(&[BINDING, needs("namespace", Text), REMOTE])),
    ),
    key(
        "flagship",
        Own,
        List(&Table(&[BINDING, may("app_id", Text), REMOTE])),
    ),
    key(
        "unsafe_hello_world",
        Own,
        List(&Table(&[BINDING, may("enable_timer", Flag)])),
    ),
    key(
        "unsafe",
        Own,
        Table(&[
            may("bindings", List(&Map(&Json))),
            may("metadata", Map(&Json)),
            may("capnp", Elsewhere(BUILD)),
        ]),
    ),
    key(
        "logfwdr",
        Inherited,
        Table(&[needs(
            "bindings",
            List(&Table(&[needs("name", Text), needs("destination", Text)])),
        )]),
    ),
    key("wasm_modules", Top, Map(&Text)),
    key("text_blobs", Top, Map(&Text)),
    key("data_blobs", Top, Map(&Text)),
    // What calls the worker's code.
    key(
        "triggers",
        Inherited,
        Table(&[
            may("crons", TEXTS),
            may("events", Elsewhere("starts workflows by itself")),
        ]),
    ),
    key(
        "migrations",
        Inherited,
        List(&Table(&[
            needs("tag", Text),
            may("new_classes", TEXTS),
            may("new_sqlite_classes", TEXTS),
            may(
                "renamed_classes",
                List(&Table(&[needs("from", Text), needs("to", Text)])),
            ),
            may(
                "transferred_classes",
                List(&Table(&[
                    needs("from", Text),
                    needs("from_script", Text),
                    needs("to", Text),
                ])),
            ),
            may("deleted_classes", TEXTS),
        ])),
    ),
    key(
        "exports",
        Inherited,
        Map(&Elsewhere(
            "what becomes of a class that is renamed, moved or deleted",
        )),
    ),
    key(
        "tail_consumers",
        Own,
        List(&Table(&[needs("service", Text), may("environment", Text)])),
    ),
    key(
        "streaming_tail_consumers",
        Own,
        List(&Table(&[needs("service", Text)])),
    ),
    key("connect", Own, Elsewhere(DEPLOY)),
    key("containers", Own, Elsewhere(DEPLOY)),
    key("cloudchamber", Own, Elsewhere(DEPLOY)),
    // Where it runs.
    key("account_id", Inherited, Text),
    key("compatibility_date", Inherited, Text),
    key("compatibility_flags", Inherited, TEXTS),
    key("workers_dev", Inherited, Flag),
    key("preview_urls", Inherited, Flag),
    key("route", Inherited, Elsewhere(DEPLOY)),
    key("routes", Inherited, Elsewhere(DEPLOY)),
    key(
        "limits",
        Inherited,
        Table(&[may("cpu_ms", Number), may("subrequests", Number)]),
    ),
    key("placement", Inherited, Elsewhere(DEPLOY)),
    key("observability", Inherited, Elsewhere(DEPLOY)),
    key("access", Inherited, Elsewhere(DEPLOY)),
    key("cache", Inherited, Elsewhere(DEPLOY)),
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
        Elsewhere("what a preview has instead"),
    ),
    key(
        "site",
        Top,
        Elsewhere("Workers Sites, which static assets replace"),
    ),
    key("pages_build_output_dir", Top, Text),
    key("addresses", Top, TEXTS),
    // How it is made.
    key("build", Inherited, Elsewhere(BUILD)),
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
    key("rules", Inherited, Elsewhere(BUILD)),
    key("define", Own, Map(&Text)),
    key("alias", Top, Map(&Text)),
    key("python_modules", Inherited, Elsewhere(BUILD)),
    key("dependencies_instrumentation", Top, Elsewhere(BUILD)),
    // How wrangler behaves.
    key("$schema", Top, Text),
    key("dev", Top, Elsewhere(DEVELOP)),
    key("keep_vars", Top, Flag),
    key("send_metrics", Top, Flag),
];

/// The key of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.field.key == name)
}
