//! Version metadata: which version of the worker runs.
//!
//! <https://developers.cloudflare.com/workers/runtime-apis/bindings/version-metadata/>

use super::connect_object;
use crate::backend;
use crate::observe::Gate;

/// The version of the worker.
///
/// Natively, the id is all zeros, the tag is empty, and the timestamp is the start time of the
/// process.
#[derive(Debug, Clone)]
pub struct VersionMetadata {
    backend: backend::Object,
}

connect_object!(Version, VersionMetadata);

impl VersionMetadata {
    pub(crate) fn new(_: Gate, backend: backend::Object) -> Self {
        Self { backend }
    }

    /// Returns the id of the version, a UUID.
    ///
    /// # Examples
    /// ```
    /// # fn f(version: &bindery::version::VersionMetadata) {
    /// println!("version {} of {}", version.id(), version.timestamp());
    /// # }
    /// ```
    #[must_use]
    pub fn id(&self) -> String {
        self.text("id")
    }

    /// Returns the tag of the version, or an empty string if it has none.
    #[must_use]
    pub fn tag(&self) -> String {
        self.text("tag")
    }

    /// Returns the time at which the version was created, in ISO 8601.
    #[must_use]
    pub fn timestamp(&self) -> String {
        self.text("timestamp")
    }

    fn text(&self, name: &str) -> String {
        self.backend.text(name).unwrap_or_default()
    }
}
