//! What a call uses.

use super::prices::Resource;
use crate::error::{ErrorKind, Service};
use crate::observe::Event;

/// Calls a function with each resource that a call has used, and how much.
///
/// A call that a check of bindery refused has used nothing. A call that failed on the platform
/// counts as one operation, which is what the platform may bill.
pub(super) fn each(event: &Event<'_>, mut used: impl FnMut(Resource, u64)) {
    let refused = |kind| {
        matches!(
            kind,
            ErrorKind::InvalidArgument
                | ErrorKind::TooLarge
                | ErrorKind::Unsupported
                | ErrorKind::Misconfigured
        )
    };
    if event.error.is_some_and(|error| refused(error.kind())) && event.service != Service::Worker {
        return;
    }

    let measures = event.measures;
    let operations = measures.operations.unwrap_or(1);
    match (event.service, event.operation) {
        (Service::Worker, "fetch" | "scheduled") => used(Resource::WorkerRequests, 1),
        (Service::Worker, "queue") => used(Resource::QueueOperations, operations),
        (Service::Queue, _) => used(Resource::QueueOperations, operations),
        (Service::D1, _) => {
            used(Resource::D1RowsRead, measures.rows_read.unwrap_or(0));
            used(Resource::D1RowsWritten, measures.rows_written.unwrap_or(0));
        }
        (Service::Kv, "put") => used(Resource::KvWrites, 1),
        (Service::Kv, "delete") => used(Resource::KvDeletes, 1),
        (Service::Kv, "list") => used(Resource::KvLists, 1),
        (Service::Kv, _) => used(Resource::KvReads, operations),
        (Service::R2, "get" | "head") => used(Resource::R2ClassB, 1),
        // The platform copies by reading one object and writing another.
        (Service::R2, "copy") => {
            used(Resource::R2ClassB, 1);
            used(Resource::R2ClassA, u64::from(measures.hit != Some(false)));
        }
        (Service::R2, "delete" | "abort_multipart_upload") => {}
        (Service::R2, _) => used(Resource::R2ClassA, operations),
        (Service::DurableObject, "fetch" | "call") => used(Resource::DurableObjectRequests, 1),
        (Service::AnalyticsEngine, _) => used(Resource::AnalyticsPoints, 1),
        _ => {}
    }
}
