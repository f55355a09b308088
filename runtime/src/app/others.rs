//! The kinds of binding that are one object with methods: how each is connected, and by what it is known.

use super::Connector;
use crate::error::{Result, Service};

/// One line a kind: the method that connects it, its type, its service, what it is called in errors, and a
/// property that an object of this kind has (none where any object may be it).
macro_rules! others {
    ($($method:ident: $module:ident::$ty:ident, $service:ident, $what:literal, $mark:literal;)+) => {
        impl Connector<'_> {
            $(
                #[doc(hidden)]
                pub fn $method(&mut self, binding: &'static str) -> Result<crate::$module::$ty> {
                    self.open(Service::$service, binding, self.world.other(binding, $what, $mark), crate::$module::$ty::new)
                }
            )+
        }
    };
}

others! {
    durable_object: durable_object::DurableObjects, DurableObject, "a Durable Object namespace", "idFromName";
    fetcher: fetcher::Fetcher, Fetcher, "what answers requests", "fetch";
    workflow: workflow::Workflow, Workflow, "a Workflow", "create";
    hyperdrive: hyperdrive::Hyperdrive, Hyperdrive, "a Hyperdrive", "connectionString";
    vectorize: vectorize::Vectorize, Vectorize, "a Vectorize index", "query";
    ai: ai::Ai, Ai, "Workers AI", "run";
    images: images::Images, Images, "Images", "input";
    analytics_engine: analytics_engine::AnalyticsEngine, AnalyticsEngine, "an Analytics Engine dataset", "writeDataPoint";
    email: email::SendEmail, Email, "an email sender", "send";
    rate_limit: rate_limit::RateLimiter, RateLimit, "a rate limiter", "limit";
    secrets_store: secrets_store::StoredSecret, SecretsStore, "a secret of a Secrets Store", "get";
    version: version::VersionMetadata, Version, "version metadata", "id";
    dispatch: dispatch::DispatchNamespace, Dispatch, "a dispatch namespace", "get";
    worker_loader: worker_loader::WorkerLoader, WorkerLoader, "a Worker Loader", "get";
    pipeline: pipeline::Pipeline, Pipeline, "a stream of records", "send";
    k2: k2::K2, K2, "a K2 stream", "send";
    text_blob: blob::TextBlob, Blob, "a text blob", "";
    data_blob: blob::DataBlob, Blob, "a data blob", "";
    raw: raw::Raw, Raw, "a binding", "";
}
