//! The kinds of binding: everything that the compiler knows about each.
//!
//! There is one file for each type of the runtime, with a [`Definition`] for each kind that the
//! type serves. A new kind needs a definition and a line in `kinds!`; every `match` on a kind is
//! exhaustive.

mod definition;
mod ai;
mod analytics_engine;
mod blob;
mod d1;
mod dispatch;
mod durable_object;
mod email;
mod fetcher;
mod hyperdrive;
mod images;
mod k2;
mod kv;
mod pipeline;
mod queue;
mod r2;
mod rate_limit;
mod raw;
mod secrets_store;
mod vectorize;
mod version;
mod worker_loader;
mod workflow;

pub use d1::D1;
pub use definition::{Definition, Details, Form, Native, Resource, RuntimeType, Title, TypeScript};

/// Declares [`BindingKind`]: a variant and its definition.
macro_rules! kinds {
    ($($kind:ident = $definition:path,)+) => {
        /// A kind of binding.
        ///
        /// <https://developers.cloudflare.com/workers/wrangler/configuration/#bindings>
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each has the title of its definition")]
        pub enum BindingKind {
            $($kind,)+
        }

        impl BindingKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// Everything that the compiler knows about the kind.
            #[must_use]
            pub fn definition(self) -> &'static Definition {
                match self {
                    $(Self::$kind => const { &$definition },)+
                }
            }
        }
    };
}

kinds! {
    KvNamespace = kv::NAMESPACE,
    D1Database = d1::DATABASE,
    R2Bucket = r2::BUCKET,
    QueueProducer = queue::PRODUCER,
    DurableObjectNamespace = durable_object::NAMESPACE,
    Service = fetcher::SERVICE,
    Workflow = workflow::WORKFLOW,
    Hyperdrive = hyperdrive::HYPERDRIVE,
    Vectorize = vectorize::INDEX,
    Ai = ai::AI,
    AiSearchNamespace = raw::AI_SEARCH_NAMESPACE,
    AiSearchInstance = raw::AI_SEARCH_INSTANCE,
    AgentMemory = raw::AGENT_MEMORY,
    Browser = fetcher::BROWSER,
    Images = images::IMAGES,
    Media = raw::MEDIA,
    Stream = raw::STREAM,
    AnalyticsSql = raw::ANALYTICS_SQL,
    AnalyticsEngine = analytics_engine::DATASET,
    SendEmail = email::SENDER,
    RateLimit = rate_limit::LIMITER,
    SecretsStoreSecret = secrets_store::SECRET,
    VersionMetadata = version::METADATA,
    Assets = fetcher::ASSETS,
    DispatchNamespace = dispatch::NAMESPACE,
    MtlsCertificate = fetcher::MTLS_CERTIFICATE,
    Pipeline = pipeline::PIPELINE,
    K2 = k2::STREAM,
    VpcService = fetcher::VPC_SERVICE,
    VpcNetwork = fetcher::VPC_NETWORK,
    WorkerLoader = worker_loader::LOADER,
    Artifacts = raw::ARTIFACTS,
    Flagship = raw::FLAGSHIP,
    HelloWorld = raw::HELLO_WORLD,
    Unsafe = raw::UNSAFE,
    LogForwarder = raw::LOG_FORWARDER,
    WasmModule = raw::WASM_MODULE,
    TextBlob = blob::TEXT,
    DataBlob = blob::DATA,
}
