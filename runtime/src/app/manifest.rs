//! The manifest that generated code contains as a constant, for the native backend.
//!
//! On Workers the platform reads the manifest itself, so there the list of environments is empty.

use crate::bindings::BindingKind;

/// The manifest of a worker.
#[derive(Debug, Clone, Copy)]
pub struct Manifest {
    /// The folder of the manifest, relative to the folder of the package.
    pub folder: &'static str,
    /// The environments, the top level first.
    pub environments: &'static [EnvironmentManifest],
}

/// One environment of the manifest.
#[derive(Debug, Clone, Copy)]
pub struct EnvironmentManifest {
    /// The name; empty for the top level.
    pub name: &'static str,
    /// The name of the worker.
    pub worker: &'static str,
    /// The resources, one per binding.
    pub resources: &'static [Resource],
    /// The queues that the worker consumes.
    pub consumers: &'static [Consumer],
    /// The cron triggers: the expression, and when it fires.
    pub crons: &'static [(&'static str, Schedule)],
    /// The settings of the static assets; empty if there are none.
    pub assets: &'static [(&'static str, &'static str)],
    /// The values of the variables, as JSON.
    pub vars: &'static [(&'static str, &'static str)],
}

/// The resource of a binding.
#[derive(Debug, Clone, Copy)]
pub struct Resource {
    /// The name of the binding.
    pub binding: &'static str,
    /// The kind of the binding.
    pub kind: BindingKind,
    /// The name of the kind in errors.
    pub title: &'static str,
    /// The settings in the manifest: key and value.
    pub settings: &'static [(&'static str, &'static str)],
    /// The files that belong to it.
    pub content: Content,
}

impl Resource {
    /// Returns the value of a setting.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn setting(&self, key: &str) -> Option<&'static str> {
        setting(self.settings, key)
    }
}

/// Returns the value of a setting.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn setting(settings: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    let found = settings.iter().find(|(known, _)| *known == key);
    found.map(|(_, value)| *value)
}

/// The files that belong to a resource.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// No files.
    None,
    /// The bytes of a blob.
    Blob(&'static [u8]),
    /// The files of a D1 database.
    Database {
        /// The table that lists the applied migrations.
        migrations_table: &'static str,
        /// The schema before the first migration, as SQL; empty when there is none.
        baseline: &'static str,
        /// The migrations in the order of application: name and SQL.
        migrations: &'static [(&'static str, &'static str)],
    },
}

/// The consumer of a queue.
#[derive(Debug, Clone, Copy)]
pub struct Consumer {
    /// The name of the queue.
    pub queue: &'static str,
    /// The maximum number of messages in a batch.
    pub max_batch_size: u32,
    /// The seconds that a batch waits until it is full.
    pub max_batch_timeout: u32,
    /// The maximum number of retries of a message.
    pub max_retries: u32,
    /// The seconds before a retry.
    pub retry_delay: u32,
    /// The queue for messages that failed on every attempt.
    pub dead_letter_queue: Option<&'static str>,
    /// The maximum number of batches at the same time.
    pub max_concurrency: u32,
}

/// When a cron trigger fires, in UTC. Bit `n` of a set is the value `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Minutes of an hour.
    pub minutes: u64,
    /// Hours of a day.
    pub hours: u32,
    /// Days of a month.
    pub days: Days,
    /// Months of a year, from 1.
    pub months: u16,
    /// Days of a week.
    pub weekdays: Weekdays,
}

/// The days of a month on which a trigger fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// Each day.
    Any,
    /// A set of days.
    Set(u32),
    /// The last day, or one before it.
    Last {
        /// The days before the last one.
        before: u8,
    },
    /// The working day that is nearest to that day.
    NearestToLast {
        /// The days before the last one.
        before: u8,
    },
    /// The working day that is nearest to a day.
    Nearest(u8),
}

/// The days of a week on which a trigger fires. Sunday is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weekdays {
    /// Each day.
    Any,
    /// A set of days.
    Set(u8),
    /// The last such day of the month.
    Last(u8),
    /// The day with a number among those of the month.
    Nth(u8, u8),
}
