//! Which version of the worker runs.
//!
//! <https://developers.cloudflare.com/workers/runtime-apis/bindings/version-metadata/>

use super::connect_object;
use crate::backend;
use crate::observe::Gate;

/// The version of the worker. Natively the id is all zeros, the tag empty, and the timestamp when the process started.
#[derive(Debug, Clone)]
pub struct VersionMetadata {
    backend: backend::Object,
}

connect_object!(Version, VersionMetadata);

impl VersionMetadata {
    pub(crate) fn new(_: Gate, backend: backend::Object) -> Self {
        Self { backend }
    }

    /// The id of the version, a UUID.
    #[must_use]
    pub fn id(&self) -> String {
        self.text("id")
    }

    /// The tag that it was given; empty without one.
    #[must_use]
    pub fn tag(&self) -> String {
        self.text("tag")
    }

    /// When it was made, in ISO 8601.
    #[must_use]
    pub fn timestamp(&self) -> String {
        self.text("timestamp")
    }

    fn text(&self, name: &str) -> String {
        self.backend.text(name).unwrap_or_default()
    }
}
