//! The manifest as the native backend needs it: generated code has it as one constant.
//!
//! On Workers the platform knows all of it, so there the list of environments is empty.

use crate::bindings::BindingKind;

/// The manifest of a worker.
#[derive(Debug, Clone, Copy)]
pub struct Manifest {
    /// The manifest's folder, relative to the package's.
    pub folder: &'static str,
    /// Its environments, the top level first.
    pub environments: &'static [EnvironmentManifest],
}

/// One environment of the manifest.
#[derive(Debug, Clone, Copy)]
pub struct EnvironmentManifest {
    /// Its name; empty for the top level.
    pub name: &'static str,
    /// The worker's name.
    pub worker: &'static str,
    /// What its bindings are bound to.
    pub resources: &'static [Resource],
    /// The queues that the worker consumes.
    pub consumers: &'static [Consumer],
    /// The values of the variables, as JSON.
    pub vars: &'static [(&'static str, &'static str)],
}

/// What a binding is bound to.
#[derive(Debug, Clone, Copy)]
pub struct Resource {
    /// The name of the binding.
    pub binding: &'static str,
    /// What serves it.
    pub kind: BindingKind,
    /// What Cloudflare calls it.
    pub title: &'static str,
    /// The settings of the manifest: key and value.
    pub settings: &'static [(&'static str, &'static str)],
    /// The files that belong to it.
    pub content: Content,
}

impl Resource {
    /// The value of a setting.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn setting(&self, key: &str) -> Option<&'static str> {
        self.settings
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, value)| *value)
    }
}

/// The files that belong to a resource.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// None.
    None,
    /// The bytes of a blob.
    Blob(&'static [u8]),
    /// The files of a D1 database.
    Database {
        /// The table that lists the applied migrations.
        migrations_table: &'static str,
        /// The schema before the first migration, as SQL; empty when there is none.
        baseline: &'static str,
        /// The migrations in their order: name and SQL.
        migrations: &'static [(&'static str, &'static str)],
    },
}

/// A queue that is consumed.
#[derive(Debug, Clone, Copy)]
pub struct Consumer {
    /// Its name.
    pub queue: &'static str,
    /// Messages that one batch has at most.
    pub max_batch_size: u32,
    /// Seconds that a batch waits to fill.
    pub max_batch_timeout: u32,
    /// How often a message is tried again.
    pub max_retries: u32,
    /// Seconds before a message is tried again.
    pub retry_delay: u32,
    /// Where a message goes that failed every time.
    pub dead_letter_queue: Option<&'static str>,
}
