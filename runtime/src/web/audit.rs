//! A record of who did what.

use std::time::SystemTime;

use http::HeaderMap;

use crate::analytics_engine::{AnalyticsEngine, DataPoint};
use crate::d1::{D1, Exec, Query};
use crate::error::{Error, Result};
use crate::time;

/// The statement of an entry in D1. The last parameter is whether it needs a change.
const INSERT: &str = "INSERT INTO audit_log (time, actor, action, object, outcome, request_id)
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', ?1 / 1000.0, 'unixepoch'), ?2, ?3, ?4, ?5, ?6
WHERE changes() > 0 OR NOT ?7";

/// An entry of an audit log: who did what to which object, with which outcome.
///
/// In D1 it is a row of the table [`TABLE`](Self::TABLE), which a migration creates. As part of a
/// batch it is stored if and only if the batch is; with [`if_changed`](Self::if_changed) also only
/// if the statement before it has changed a row. In Analytics Engine it is a data
/// point, which costs less, is kept for three months, and can be lost.
///
/// Do not write secrets into an entry: it names things, and does not contain them.
///
/// # Examples
/// ```
/// # use bindery::d1::{D1, Exec, Query};
/// # async fn f(
/// #     database: &D1,
/// #     headers: &http::HeaderMap,
/// #     delete_file: Query<'_, Exec>,
/// # ) -> bindery::Result<()> {
/// use bindery::web::AuditEntry;
///
/// let entry = AuditEntry::new("file.delete")
///     .actor("ann")
///     .object("file:7")
///     .request(headers)
///     .if_changed();
/// database.batch((delete_file, entry.insert(database))).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    time: SystemTime,
    action: &'static str,
    actor: Option<String>,
    object: Option<String>,
    outcome: AuditOutcome,
    request_id: Option<String>,
    needs_change: bool,
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AuditOutcome {
    /// It was done.
    #[default]
    Success,
    /// The actor may not do it.
    Denied,
    /// It was not done because of an error.
    Failure,
}

impl AuditOutcome {
    /// Returns the name: `success`, `denied` or `failure`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Denied => "denied",
            Self::Failure => "failure",
        }
    }
}

impl<T> From<&Result<T>> for AuditOutcome {
    fn from(result: &Result<T>) -> Self {
        match result.as_ref().map_err(Error::status) {
            Ok(_) => Self::Success,
            Err(status) if status == 401 || status == 403 => Self::Denied,
            Err(_) => Self::Failure,
        }
    }
}

impl AuditEntry {
    /// The table of [`insert`](Self::insert), for a migration. Its rows cannot be updated or
    /// replaced. Old ones can be deleted.
    pub const TABLE: &str = "CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    actor TEXT,
    action TEXT NOT NULL,
    object TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN ('success', 'denied', 'failure')),
    request_id TEXT
) STRICT;
CREATE INDEX audit_log_by_time ON audit_log (time);
CREATE TRIGGER audit_log_keeps_rows BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit log cannot be changed');
END;
CREATE TRIGGER audit_log_replaces_no_row BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit log cannot be changed');
END;";

    /// Returns an entry for an action, such as `file.delete`, that succeeds now.
    #[must_use]
    pub fn new(action: &'static str) -> Self {
        Self {
            time: time::now(),
            action,
            actor: None,
            object: None,
            outcome: AuditOutcome::Success,
            request_id: None,
            needs_change: false,
        }
    }

    /// Sets who acts: the id of a user or a service.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Sets the object of the action, such as `file:7`.
    #[must_use]
    pub fn object(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }

    /// Sets the outcome, which can be read from a `&Result`.
    #[must_use]
    pub fn outcome(mut self, outcome: impl Into<AuditOutcome>) -> Self {
        self.outcome = outcome.into();
        self
    }

    /// Sets the id of the request from its header `cf-ray`, which Cloudflare sets.
    ///
    /// <https://developers.cloudflare.com/fundamentals/reference/cloudflare-ray-id/>
    #[must_use]
    pub fn request(mut self, headers: &HeaderMap) -> Self {
        let ray = headers.get("cf-ray").and_then(|ray| ray.to_str().ok());
        self.request_id = ray.map(str::to_owned);
        self
    }

    /// Adds the entry only if the statement before it in the batch has changed a row: nothing was
    /// done if a DELETE found no row.
    #[must_use]
    pub fn if_changed(mut self) -> Self {
        self.needs_change = true;
        self
    }

    /// Returns a query that adds the entry to the table `audit_log` of a database.
    pub fn insert<'d>(&self, database: &'d D1) -> Query<'d, Exec> {
        let insert = database.unchecked(INSERT).named("audit_log");
        insert
            .bind(self.milliseconds())
            .bind(self.actor.clone())
            .bind(self.action)
            .bind(self.object.clone())
            .bind(self.outcome.name())
            .bind(self.request_id.clone())
            .bind(self.needs_change)
            .execute()
    }

    /// Writes the entry to a dataset: the texts are the action, the actor, the object, the outcome
    /// and the id of the request, the number is the time in milliseconds since the Unix epoch, and
    /// the index is the action.
    ///
    /// # Errors
    /// `TooLarge` if the texts have more than 16 KiB.
    pub async fn write(&self, dataset: &AnalyticsEngine) -> Result<()> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let point = DataPoint {
            blobs: vec![
                self.action.to_owned(),
                text(&self.actor),
                text(&self.object),
                self.outcome.name().to_owned(),
                text(&self.request_id),
            ],
            doubles: vec![self.milliseconds() as f64],
            indexes: vec![self.action.to_owned()],
        };
        dataset.write(&point).await
    }

    fn milliseconds(&self) -> i64 {
        let since = self.time.duration_since(SystemTime::UNIX_EPOCH);
        i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
    }
}
