//! The kinds of binding that the runtime distinguishes.

use crate::backend::Backend;
use crate::observe::Gate;

/// A type that a field of `Env` can wrap.
#[doc(hidden)]
pub trait Connect: Sized {
    /// The kind of binding that the type represents.
    const KIND: BindingKind;

    /// Opens a binding.
    ///
    /// The error describes what is wrong with the binding.
    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String>;
}

/// Declares [`BindingKind`] and [`Service`](crate::Service) from one list.
///
/// Each line is a variant, its name in measurements, its name in errors with an article, and a
/// property that its object has on Workers. The property distinguishes the objects of one kind
/// from those of others; it is empty for a kind that accepts any object.
macro_rules! binding_kinds {
    ($($(#[$docs:meta])* $kind:ident: $name:literal, $title:literal, $property:literal;)+) => {
        /// The kind of a binding at run time.
        #[doc(hidden)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum BindingKind {
            $($(#[$docs])* $kind,)+
        }

        impl BindingKind {
            /// Returns the service that errors and events name.
            pub(crate) fn service(self) -> Service {
                match self { $(Self::$kind => Service::$kind,)+ }
            }

            /// Returns the name in errors, with an article.
            #[cfg_attr(
                not(target_arch = "wasm32"),
                expect(dead_code, reason = "natively the manifest decides the kind")
            )]
            pub(crate) fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)+ }
            }

            /// Returns a property that every object of the kind has, or an empty string.
            #[cfg_attr(
                not(target_arch = "wasm32"),
                expect(dead_code, reason = "natively the manifest decides the kind")
            )]
            pub(crate) fn property(self) -> &'static str {
                match self { $(Self::$kind => $property,)+ }
            }
        }

        /// The service that receives a call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Service {
            /// The worker itself: its variables, secrets and handlers.
            Worker,
            /// Requests to other servers.
            Fetch,
            /// The cache of the data center.
            EdgeCache,
            $($(#[$docs])* $kind,)+
        }

        impl Service {
            pub(crate) const ALL: &[Self] = &[
                Self::Worker,
                Self::Fetch,
                Self::EdgeCache,
                $(Self::$kind,)+
            ];

            /// Returns the name in measurements: `d1`, `kv`, `r2`, `queue`, `worker`, and so on.
            ///
            /// # Examples
            /// ```
            /// assert_eq!(bindery::Service::Kv.name(), "kv");
            /// ```
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    Self::Worker => "worker",
                    Self::Fetch => "fetch",
                    Self::EdgeCache => "cache",
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

binding_kinds! {
    /// D1
    D1: "d1", "a D1 database", "prepare";
    /// Workers KV
    Kv: "kv", "a KV namespace", "getWithMetadata";
    /// R2
    R2: "r2", "an R2 bucket", "createMultipartUpload";
    /// Queues
    Queue: "queue", "a queue", "sendBatch";
    /// Durable Objects
    DurableObject: "durable_object", "a Durable Object namespace", "idFromName";
    /// Bindings that answer requests: service bindings, static assets, mTLS certificates,
    /// VPC services and Browser Rendering.
    Fetcher: "fetcher", "a binding that answers requests", "fetch";
    /// Workflows
    Workflow: "workflow", "a Workflow", "create";
    /// Hyperdrive
    Hyperdrive: "hyperdrive", "a Hyperdrive", "connectionString";
    /// Vectorize
    Vectorize: "vectorize", "a Vectorize index", "query";
    /// Workers AI
    Ai: "ai", "Workers AI", "run";
    /// Images
    Images: "images", "Images", "input";
    /// Workers Analytics Engine
    AnalyticsEngine: "analytics_engine", "an Analytics Engine dataset", "writeDataPoint";
    /// Outgoing email
    Email: "email", "an email sender", "send";
    /// Rate limits
    RateLimit: "rate_limit", "a rate limiter", "limit";
    /// Secrets Store
    SecretsStore: "secrets_store", "a secret of a Secrets Store", "get";
    /// Version metadata
    Version: "version", "version metadata", "id";
    /// Dispatch namespaces
    Dispatch: "dispatch", "a dispatch namespace", "get";
    /// Worker Loaders
    WorkerLoader: "worker_loader", "a Worker Loader", "get";
    /// Pipelines
    Pipeline: "pipeline", "a Pipeline", "send";
    /// K2 streams
    K2: "k2", "a K2 stream", "send";
    /// Text and data blobs
    Blob: "blob", "a blob", "";
    /// Kinds without typed operations
    Raw: "raw", "a binding", "";
}
