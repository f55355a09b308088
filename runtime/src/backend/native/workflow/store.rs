//! The instances, steps and events of all Workflows in one file.

use std::path::Path;

use bindery_sqlite::rusqlite::{self, Connection, OptionalExtension, Row, params};

use crate::error::Failure;

use super::super::bindings::Opened;
use super::super::clock::now_milliseconds;
use super::super::store::Store;

/// How long an instance that has ended is kept.
///
/// <https://developers.cloudflare.com/workflows/reference/limits/>
const RETENTION_MILLISECONDS: i64 = 30 * 86_400_000;

const TABLES: &str = "
CREATE TABLE instances (
    workflow TEXT NOT NULL,
    id TEXT NOT NULL,
    params TEXT NOT NULL,
    created INTEGER NOT NULL,
    -- queued, running, paused, complete, errored or terminated
    status TEXT NOT NULL,
    ended INTEGER,
    output TEXT,
    error TEXT,
    PRIMARY KEY (workflow, id)
) WITHOUT ROWID;
CREATE TABLE steps (
    workflow TEXT NOT NULL,
    id TEXT NOT NULL,
    step TEXT NOT NULL,
    -- How many attempts have failed.
    failures INTEGER NOT NULL DEFAULT 0,
    -- When the step goes on.
    wake INTEGER,
    -- The result, or the error of the last attempt.
    output TEXT,
    error TEXT,
    PRIMARY KEY (workflow, id, step)
) WITHOUT ROWID;
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    payload TEXT NOT NULL,
    arrived INTEGER NOT NULL
);
CREATE INDEX events_by_type ON events (workflow, id, type);
CREATE TRIGGER instance_deleted AFTER DELETE ON instances BEGIN
    DELETE FROM steps WHERE workflow = old.workflow AND id = old.id;
    DELETE FROM events WHERE workflow = old.workflow AND id = old.id;
END;";

/// An instance: the name of its Workflow, and its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) workflow: &'static str,
    pub(super) id: String,
}

impl Key {
    fn values(&self) -> (&str, &str) {
        (self.workflow, &self.id)
    }
}

/// How an instance ends: with an output as JSON, or with the text of an error.
pub(super) enum End {
    Complete(String),
    Errored(String),
    Terminated,
}

/// What is stored of an instance.
pub(super) struct Record {
    pub(super) params: String,
    pub(super) created: i64,
    pub(super) status: String,
    pub(super) output: Option<String>,
    pub(super) error: Option<String>,
}

/// What is stored of a step.
#[derive(Clone, Default)]
pub(super) struct StepRecord {
    pub(super) failures: u32,
    pub(super) wake: Option<i64>,
    pub(super) output: Option<String>,
    pub(super) error: Option<String>,
}

/// The state of all Workflows.
#[derive(Clone)]
pub(super) struct Instances(Store);

impl Instances {
    pub(super) fn open(folder: Option<&Path>) -> Opened<Self> {
        let path = folder.map(|folder| folder.join("workflows.sqlite"));
        Ok(Self(Store::open(path.as_deref(), &[TABLES])?))
    }

    /// Adds an instance. Returns false if there is one with the id.
    pub(super) async fn create(&self, key: &Key, params: String) -> Result<bool, Failure> {
        let (key, now) = (key.clone(), now_milliseconds());
        let work = move |connection: &Connection| {
            let sql = "DELETE FROM instances WHERE ended < ?1";
            let oldest = now.saturating_sub(RETENTION_MILLISECONDS);
            connection.prepare_cached(sql)?.execute([oldest])?;
            let sql = "INSERT OR IGNORE INTO instances (workflow, id, params, created, status)
                 VALUES (?1, ?2, ?3, ?4, 'queued')";
            let values = params![key.workflow, key.id, params, now];
            Ok(connection.prepare_cached(sql)?.execute(values)? > 0)
        };
        self.0.write(work).await
    }

    pub(super) async fn instance(&self, key: &Key) -> Result<Option<Record>, Failure> {
        let key = key.clone();
        let work = move |connection: &Connection| {
            let sql = "SELECT params, created, status, output, error FROM instances
                 WHERE workflow = ?1 AND id = ?2";
            let record = |row: &Row<'_>| {
                Ok(Record {
                    params: row.get(0)?,
                    created: row.get(1)?,
                    status: row.get(2)?,
                    output: row.get(3)?,
                    error: row.get(4)?,
                })
            };
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_row(key.values(), record).optional()
        };
        self.0.read(work).await
    }

    /// The ids of the instances that were running when the process ended.
    pub(super) async fn unfinished(&self, workflow: &'static str) -> Result<Vec<String>, Failure> {
        let work = move |connection: &Connection| {
            let sql = "SELECT id FROM instances WHERE workflow = ?1
                 AND status IN ('queued', 'running') ORDER BY created";
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map([workflow], |row| row.get(0))?.collect()
        };
        self.0.read(work).await
    }

    pub(super) async fn set_status(&self, key: &Key, status: &'static str) -> Result<(), Failure> {
        let key = key.clone();
        let work = move |connection: &Connection| {
            let sql = "UPDATE instances SET status = ?3 WHERE workflow = ?1 AND id = ?2";
            let mut statement = connection.prepare_cached(sql)?;
            statement.execute(params![key.workflow, key.id, status])
        };
        self.0.write(work).await.map(drop)
    }

    /// Ends an instance, unless it has ended.
    pub(super) async fn end(&self, key: &Key, end: End) -> Result<(), Failure> {
        let (key, now) = (key.clone(), now_milliseconds());
        let (status, output, error) = match end {
            End::Complete(output) => ("complete", Some(output), None),
            End::Errored(error) => ("errored", None, Some(error)),
            End::Terminated => ("terminated", None, None),
        };
        let work = move |connection: &Connection| {
            let sql = "UPDATE instances SET status = ?3, ended = ?4, output = ?5, error = ?6
                 WHERE workflow = ?1 AND id = ?2 AND ended IS NULL";
            let values = params![key.workflow, key.id, status, now, output, error];
            connection.prepare_cached(sql)?.execute(values)
        };
        self.0.write(work).await.map(drop)
    }

    /// Removes what an instance has done.
    pub(super) async fn reset(&self, key: &Key) -> Result<(), Failure> {
        let key = key.clone();
        let work = move |connection: &Connection| {
            for table in ["steps", "events"] {
                let sql = format!("DELETE FROM {table} WHERE workflow = ?1 AND id = ?2");
                connection.execute(&sql, key.values())?;
            }
            let sql = "UPDATE instances
                 SET status = 'queued', ended = NULL, output = NULL, error = NULL
                 WHERE workflow = ?1 AND id = ?2";
            connection.execute(sql, key.values())
        };
        self.0.write(work).await.map(drop)
    }

    pub(super) async fn step(&self, key: &Key, step: &str) -> Result<StepRecord, Failure> {
        let (key, step) = (key.clone(), step.to_owned());
        let work = move |connection: &Connection| {
            let sql = "SELECT failures, wake, output, error FROM steps
                 WHERE workflow = ?1 AND id = ?2 AND step = ?3";
            let record = |row: &Row<'_>| {
                Ok(StepRecord {
                    failures: row.get(0)?,
                    wake: row.get(1)?,
                    output: row.get(2)?,
                    error: row.get(3)?,
                })
            };
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_row(params![key.workflow, key.id, step], record);
            Ok(found.optional()?.unwrap_or_default())
        };
        self.0.read(work).await
    }

    /// Stores a step.
    pub(super) async fn put_step(
        &self,
        key: &Key,
        step: &str,
        record: StepRecord,
    ) -> Result<(), Failure> {
        let (key, step) = (key.clone(), step.to_owned());
        let work = move |connection: &Connection| put_step(connection, &key, &step, &record);
        self.0.write(work).await
    }

    /// Adds an event.
    pub(super) async fn add_event(
        &self,
        key: &Key,
        ty: &str,
        payload: String,
    ) -> Result<(), Failure> {
        let (key, ty, now) = (key.clone(), ty.to_owned(), now_milliseconds());
        let work = move |connection: &Connection| {
            let sql = "INSERT INTO events (workflow, id, type, payload, arrived)
                 VALUES (?1, ?2, ?3, ?4, ?5)";
            let values = params![key.workflow, key.id, ty, payload, now];
            connection.prepare_cached(sql)?.execute(values)
        };
        self.0.write(work).await.map(drop)
    }

    /// Takes the first event of a type as the result of a step: the time of the event in
    /// milliseconds, a space, and its content.
    pub(super) async fn take_event(
        &self,
        key: &Key,
        step: &str,
        ty: &str,
    ) -> Result<Option<String>, Failure> {
        let (key, step, ty) = (key.clone(), step.to_owned(), ty.to_owned());
        let work = move |connection: &Connection| {
            let sql = "DELETE FROM events WHERE number = (
                     SELECT min(number) FROM events
                     WHERE workflow = ?1 AND id = ?2 AND type = ?3)
                 RETURNING arrived || ' ' || payload";
            let mut statement = connection.prepare_cached(sql)?;
            let values = params![key.workflow, key.id, ty];
            let event = statement.query_row(values, |row| row.get(0)).optional()?;

            if event.is_some() {
                let record = StepRecord {
                    output: event.clone(),
                    ..StepRecord::default()
                };
                put_step(connection, &key, &step, &record)?;
            }
            Ok(event)
        };
        self.0.write(work).await
    }
}

fn put_step(
    connection: &Connection,
    key: &Key,
    step: &str,
    record: &StepRecord,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO steps VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute(params![
        key.workflow,
        key.id,
        step,
        record.failures,
        record.wake,
        record.output,
        record.error
    ])?;
    Ok(())
}
