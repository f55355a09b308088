//! The kinds of binding: those that the compiler reads more of, as types; the others, as rows of data.

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
    /// Any other: a row of [`ROWS`].
    Other(Other),
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
    /// Which files of the folder are migrations.
    pub migrations_pattern: String,
    /// Whether the manifest names the folder itself.
    pub migrations_dir_is_explicit: bool,
    /// The ledger.
    pub migrations_table: String,
}

impl D1 {
    /// What tells one schema from another: the folder of its migrations, which files of it, and the ledger.
    pub(crate) fn made_by(&self) -> (&str, &str, &str) {
        (
            self.folder(),
            &self.migrations_pattern,
            &self.migrations_table,
        )
    }

    /// The folder of migrations, relative to the manifest.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.migrations_dir
            .value
            .trim_start_matches("./")
            .trim_end_matches('/')
    }
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
    /// The queue's name, when the manifest has one.
    pub queue: Option<String>,
}

/// A binding of any other kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Other {
    /// Its row.
    pub row: &'static Row,
    /// What it is bound to, as the manifest words it: key and value. Never a secret.
    pub settings: Vec<(String, String)>,
    /// For a Durable Object or a Workflow of this worker, its class.
    pub class_name: Option<Spanned<String>>,
}

impl Other {
    /// A setting by its key.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }
}

impl Kind {
    /// What Cloudflare calls it.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self {
            Self::Kv(_) => "KV namespace",
            Self::D1(_) => "D1 database",
            Self::R2(_) => "R2 bucket",
            Self::Queue(_) => "queue",
            Self::Other(other) => other.row.title,
        }
    }

    /// What Cloudflare calls it, with its article.
    pub(crate) fn a_title(&self) -> String {
        let title = self.title();
        let is_vowel = title.starts_with(['A', 'E', 'I', 'O', 'e', 'm']) || title.starts_with("R2");
        format!("{} {title}", if is_vowel { "an" } else { "a" })
    }

    /// The key of the manifest.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Kv(_) => "kv_namespaces",
            Self::D1(_) => "d1_databases",
            Self::R2(_) => "r2_buckets",
            Self::Queue(_) => "queues.producers",
            Self::Other(other) => other.row.key,
        }
    }
}

/// A kind as data.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// The key, with `.` for a table in a table.
    pub key: &'static str,
    /// What Cloudflare calls it.
    pub title: &'static str,
    /// Whether it is a list of bindings or a single one.
    pub form: Form,
    /// What serves it at run time.
    pub service: Service,
}

/// How bindings of a kind are written.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Form {
    /// An array of tables, each with its name in `binding`.
    List,
    /// An array of tables, each with its name in `name`.
    Named,
    /// One table, with its name in `binding`.
    Single,
    /// A table whose keys are the bindings' names.
    Map,
}

impl Form {
    /// The key that holds the binding's name.
    #[must_use]
    pub fn name_key(self) -> &'static str {
        if self == Self::Named {
            "name"
        } else {
            "binding"
        }
    }
}

/// What serves a kind at run time: a type of the runtime, by module and name.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct Service {
    /// The module.
    pub module: &'static str,
    /// The type.
    pub ty: &'static str,
    /// The method that connects one.
    pub connect: &'static str,
}

const fn service(module: &'static str, ty: &'static str) -> Service {
    Service {
        module,
        ty,
        connect: module,
    }
}

const FETCHER: Service = service("fetcher", "Fetcher");
const RAW: Service = service("raw", "Raw");

const fn row(key: &'static str, title: &'static str, form: Form, service: Service) -> Row {
    Row {
        key,
        title,
        form,
        service,
    }
}

/// Every kind but those of [`Kind`] itself.
///
/// <https://developers.cloudflare.com/workers/wrangler/configuration/#bindings>
pub static ROWS: &[Row] = &[
    row(
        "durable_objects.bindings",
        "Durable Object namespace",
        Form::Named,
        service("durable_object", "DurableObjects"),
    ),
    row("services", "service binding", Form::List, FETCHER),
    row(
        "workflows",
        "Workflow",
        Form::List,
        service("workflow", "Workflow"),
    ),
    row(
        "hyperdrive",
        "Hyperdrive",
        Form::List,
        service("hyperdrive", "Hyperdrive"),
    ),
    row(
        "vectorize",
        "Vectorize index",
        Form::List,
        service("vectorize", "Vectorize"),
    ),
    row("ai", "Workers AI", Form::Single, service("ai", "Ai")),
    row(
        "ai_search_namespaces",
        "AI Search namespace",
        Form::List,
        RAW,
    ),
    row("ai_search", "AI Search instance", Form::List, RAW),
    row("agent_memory", "Agent Memory namespace", Form::List, RAW),
    row("browser", "Browser Rendering", Form::Single, FETCHER),
    row(
        "images",
        "Images",
        Form::Single,
        service("images", "Images"),
    ),
    row("media", "Media Transformations", Form::Single, RAW),
    row("stream", "Stream", Form::Single, RAW),
    row("analytics", "Analytics SQL", Form::Single, RAW),
    row(
        "analytics_engine_datasets",
        "Analytics Engine dataset",
        Form::List,
        service("analytics_engine", "AnalyticsEngine"),
    ),
    row(
        "send_email",
        "email sender",
        Form::Named,
        service("email", "SendEmail"),
    ),
    row(
        "ratelimits",
        "rate limiter",
        Form::Named,
        service("rate_limit", "RateLimiter"),
    ),
    row(
        "secrets_store_secrets",
        "Secrets Store secret",
        Form::List,
        service("secrets_store", "StoredSecret"),
    ),
    row(
        "version_metadata",
        "version metadata",
        Form::Single,
        service("version", "VersionMetadata"),
    ),
    row("assets", "static assets", Form::Single, FETCHER),
    row(
        "dispatch_namespaces",
        "dispatch namespace",
        Form::List,
        service("dispatch", "DispatchNamespace"),
    ),
    row("mtls_certificates", "mTLS certificate", Form::List, FETCHER),
    row(
        "pipelines",
        "Pipeline",
        Form::List,
        service("pipeline", "Pipeline"),
    ),
    row("k2", "K2 stream", Form::List, service("k2", "K2")),
    row("vpc_services", "VPC service", Form::List, FETCHER),
    row("vpc_networks", "VPC network", Form::List, FETCHER),
    row(
        "worker_loaders",
        "Worker Loader",
        Form::List,
        service("worker_loader", "WorkerLoader"),
    ),
    row("artifacts", "Artifacts", Form::List, RAW),
    row("flagship", "Flagship", Form::List, RAW),
    row("unsafe_hello_world", "hello world", Form::List, RAW),
    row("unsafe.bindings", "unsafe binding", Form::Named, RAW),
    row("logfwdr.bindings", "log forwarder", Form::Named, RAW),
    row("wasm_modules", "Wasm module", Form::Map, RAW),
    row(
        "text_blobs",
        "text blob",
        Form::Map,
        Service {
            module: "blob",
            ty: "TextBlob",
            connect: "text_blob",
        },
    ),
    row(
        "data_blobs",
        "data blob",
        Form::Map,
        Service {
            module: "blob",
            ty: "DataBlob",
            connect: "data_blob",
        },
    ),
];
