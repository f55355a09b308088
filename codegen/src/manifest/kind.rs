//! The kinds of binding: those that are served, as types; the others, as rows of data.

use crate::source::Spanned;

/// What a binding is bound to.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `kv_namespaces`
    Kv(Kv),
    /// `d1_databases`
    D1(D1),
    /// `r2_buckets`
    R2(R2),
    /// `queues.producers`
    Queue(Queue),
    /// A kind that is known and not served yet: a handle without operations of its own.
    Raw(Raw),
}

/// A KV namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct Kv {
    /// The namespace's id, when the manifest has one.
    pub id: Option<String>,
}

/// A D1 database.
#[derive(Debug, Clone, PartialEq)]
pub struct D1 {
    /// The database's name, when the manifest has one.
    pub database_name: Option<String>,
    /// The folder of migrations, relative to the manifest.
    pub migrations_dir: Spanned<String>,
    /// Whether the manifest names the folder itself.
    pub migrations_dir_is_explicit: bool,
    /// The ledger.
    pub migrations_table: String,
}

/// An R2 bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct R2 {
    /// The bucket's name, when the manifest has one.
    pub bucket_name: Option<String>,
}

/// A queue that the worker sends to.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// The queue's name.
    pub queue: String,
}

/// A binding of a kind that is not served yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    /// The row of [`RAW_KINDS`].
    pub kind: &'static RawKind,
    /// What it is bound to, as the manifest words it: field and value.
    pub bound_to: Vec<(String, String)>,
    /// For a Durable Object of this worker, its class.
    pub class_name: Option<Spanned<String>>,
}

/// How a kind that is not served yet is written in the manifest.
#[derive(Debug, PartialEq, Eq)]
pub struct RawKind {
    /// The key, with `.` for a table in a table.
    pub key: &'static str,
    /// What Cloudflare calls it.
    pub title: &'static str,
    /// Whether it is a list of bindings or a single one.
    pub shape: Shape,
    /// The field that holds the binding's name.
    pub name: &'static str,
}

/// How bindings of a kind are written.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Shape {
    /// An array of tables.
    List,
    /// One table.
    Single,
    /// A table whose keys are the bindings' names.
    Map,
}

const fn map(key: &'static str, title: &'static str) -> RawKind {
    RawKind { key, title, shape: Shape::Map, name: "" }
}

const fn list(key: &'static str, title: &'static str) -> RawKind {
    RawKind { key, title, shape: Shape::List, name: "binding" }
}

const fn named(key: &'static str, title: &'static str) -> RawKind {
    RawKind { key, title, shape: Shape::List, name: "name" }
}

const fn single(key: &'static str, title: &'static str) -> RawKind {
    RawKind { key, title, shape: Shape::Single, name: "binding" }
}

/// The kinds that wrangler knows and bindery does not serve yet.
///
/// <https://developers.cloudflare.com/workers/wrangler/configuration/#bindings>
pub static RAW_KINDS: &[RawKind] = &[
    named("durable_objects.bindings", "Durable Object namespace"),
    single("ai", "Workers AI"),
    list("services", "service binding"),
    list("workflows", "Workflow"),
    list("hyperdrive", "Hyperdrive"),
    list("vectorize", "Vectorize index"),
    list("ai_search_namespaces", "AI Search namespace"),
    list("ai_search", "AI Search instance"),
    list("agent_memory", "Agent Memory namespace"),
    single("browser", "Browser Rendering"),
    single("images", "Images"),
    single("media", "Media Transformations"),
    single("stream", "Stream"),
    single("analytics", "Analytics SQL"),
    list("analytics_engine_datasets", "Analytics Engine dataset"),
    named("send_email", "email sender"),
    named("ratelimits", "rate limiter"),
    list("secrets_store_secrets", "Secrets Store secret"),
    single("version_metadata", "version metadata"),
    single("assets", "static assets"),
    list("dispatch_namespaces", "dispatch namespace"),
    list("mtls_certificates", "mTLS certificate"),
    list("pipelines", "Pipeline"),
    list("k2", "K2 stream"),
    list("vpc_services", "VPC service"),
    list("vpc_networks", "VPC network"),
    list("worker_loaders", "Worker Loader"),
    list("artifacts", "Artifacts"),
    list("flagship", "Flagship"),
    list("unsafe_hello_world", "hello world"),
    named("unsafe.bindings", "unsafe binding"),
    named("logfwdr.bindings", "log forwarder"),
    map("wasm_modules", "Wasm module"),
    map("text_blobs", "text blob"),
    map("data_blobs", "data blob"),
];

/// The keys that hold bindings of a served kind.
pub(super) const SERVED_KEYS: [&str; 6] = ["vars", "secrets", "kv_namespaces", "d1_databases", "r2_buckets", "queues"];

/// The keys of a manifest that hold no binding.
pub(super) const OTHER_KEYS: &[&str] = &[
    "$schema",
    "access",
    "account_id",
    "addresses",
    "alias",
    "base_dir",
    "build",
    "cache",
    "cloudchamber",
    "compatibility_date",
    "compatibility_flags",
    "compliance_region",
    "connect",
    "containers",
    "define",
    "dependencies_instrumentation",
    "dev",
    "env",
    "exports",
    "find_additional_modules",
    "first_party_worker",
    "jsx_factory",
    "jsx_fragment",
    "keep_names",
    "keep_vars",
    "legacy_env",
    "limits",
    "logpush",
    "main",
    "migrations",
    "minify",
    "name",
    "no_bundle",
    "observability",
    "pages_build_output_dir",
    "placement",
    "preserve_file_names",
    "preview_urls",
    "previews",
    "python_modules",
    "route",
    "routes",
    "rules",
    "send_metrics",
    "site",
    "streaming_tail_consumers",
    "tail_consumers",
    "triggers",
    "tsconfig",
    "upload_source_maps",
    "workers_dev",
    "zone_id",
    "usage_model",
];
