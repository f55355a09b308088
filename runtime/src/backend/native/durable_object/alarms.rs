//! The alarms of all objects.

use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery_sqlite::rusqlite::{self, Connection, OptionalExtension, Row, params};
use futures_util::future::select;
use tokio::sync::Notify;

use crate::error::{ErrorKind, Failure};

use super::super::bindings::Opened;
use super::super::clock::{now_milliseconds, sleep};
use super::super::log_line;
use super::super::pool::lock;

/// How often a failed handler is called again.
///
/// <https://developers.cloudflare.com/durable-objects/api/alarms/>
const RETRIES: u32 = 6;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS alarms (
    class TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    -- Another one each time that an alarm is set.
    version INTEGER NOT NULL,
    PRIMARY KEY (class, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alarms_by_time ON alarms (due);";

/// The alarms that are set.
#[derive(Clone)]
pub(super) struct Alarms(Arc<Inner>);

struct Inner {
    connection: Mutex<Connection>,
    /// Wakes the task that waits for the next alarm.
    changed: Notify,
    /// The alarms whose handlers run.
    firing: Mutex<Vec<Key>>,
}

/// The class and the id of an object, and the version of its alarm.
type Key = (String, String, i64);

/// An alarm that is due.
pub(super) struct Alarm {
    pub(super) class: String,
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) attempts: u32,
    pub(super) version: i64,
}

impl Alarms {
    pub(super) fn open(folder: Option<&Path>) -> Opened<Self> {
        // Without objects there is no file.
        let path = folder.map(|folder| folder.join("alarms.sqlite"));
        let connection = match path {
            Some(path) => {
                std::fs::create_dir_all(folder.unwrap_or(&path))?;
                Connection::open(path)?
            }
            None => Connection::open_in_memory()?,
        };
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.execute_batch(TABLE)?;
        Ok(Self(Arc::new(Inner {
            connection: Mutex::new(connection),
            changed: Notify::new(),
            firing: Mutex::default(),
        })))
    }

    fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Failure> {
        work(&lock(&self.0.connection)).map_err(|error| {
            let message = "the alarms cannot be read or written";
            Failure::because(ErrorKind::Internal, message, error)
        })
    }

    /// The time of the alarm of an object, unless it fires.
    pub(super) fn pending(&self, class: &str, id: &str) -> Result<Option<i64>, Failure> {
        let alarm = self.run(|connection| {
            let sql = "SELECT due, version FROM alarms WHERE class = ?1 AND id = ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let alarm = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?));
            statement.query_row([class, id], alarm).optional()
        })?;
        let firing = lock(&self.0.firing);
        let fires = |version| {
            let mut keys = firing.iter();
            keys.any(|key| key.0 == class && key.1 == id && key.2 == version)
        };
        Ok(alarm
            .filter(|(_, version)| !fires(*version))
            .map(|(due, _)| due))
    }

    pub(super) fn set(
        &self,
        class: &str,
        id: &str,
        name: Option<&str>,
        due: i64,
    ) -> Result<(), Failure> {
        self.run(|connection| {
            let sql = "INSERT OR REPLACE INTO alarms VALUES (?1, ?2, ?3, ?4, 0, random())";
            let mut statement = connection.prepare_cached(sql)?;
            statement.execute(params![class, id, name, due])
        })?;
        self.0.changed.notify_one();
        Ok(())
    }

    pub(super) fn delete(&self, class: &str, id: &str) -> Result<(), Failure> {
        self.run(|connection| {
            let sql = "DELETE FROM alarms WHERE class = ?1 AND id = ?2";
            connection.prepare_cached(sql)?.execute([class, id])
        })?;
        Ok(())
    }

    /// The alarms that are due, without those whose handlers run.
    pub(super) fn due(&self) -> Result<Vec<Alarm>, Failure> {
        let now = now_milliseconds();
        let mut due = self.run(|connection| {
            let sql = "SELECT class, id, name, attempts, version FROM alarms WHERE due <= ?1
                 ORDER BY due LIMIT 1000";
            let mut statement = connection.prepare_cached(sql)?;
            statement
                .query_map([now], alarm)?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let firing = lock(&self.0.firing);
        due.retain(|alarm| {
            // An object runs one handler at a time.
            let is_this = |(class, id, _): &Key| *class == alarm.class && *id == alarm.id;
            !firing.iter().any(is_this)
        });
        Ok(due)
    }

    /// Waits until an alarm may be due.
    pub(super) async fn wait(&self) {
        let changed = self.0.changed.notified();
        let next = self.run(|connection| {
            let sql = "SELECT min(due) FROM alarms WHERE due > ?1";
            let mut statement = connection.prepare_cached(sql)?;
            // Those that are due were fired, and wake this task when they end.
            statement.query_row([now_milliseconds()], |row| row.get::<_, Option<i64>>(0))
        });

        let is_due = self.due().is_ok_and(|due| !due.is_empty());
        if is_due {
            return;
        }
        match next.ok().flatten() {
            Some(due) => {
                let remaining = due.saturating_sub(now_milliseconds());
                let remaining = u64::try_from(remaining).unwrap_or(0);
                let sleep = pin!(sleep(Duration::from_millis(remaining)));
                select(sleep, pin!(changed)).await;
            }
            None => changed.await,
        }
    }

    /// Notes that the handler of an alarm runs.
    pub(super) fn firing(&self, class: &str, id: &str, version: i64) -> Firing {
        let key = (class.to_owned(), id.to_owned(), version);
        lock(&self.0.firing).push(key.clone());
        Firing {
            alarms: self.clone(),
            key,
        }
    }
}

fn alarm(row: &Row<'_>) -> rusqlite::Result<Alarm> {
    Ok(Alarm {
        class: row.get(0)?,
        id: row.get(1)?,
        name: row.get(2)?,
        attempts: row.get(3)?,
        version: row.get(4)?,
    })
}

/// An alarm whose handler runs.
pub(super) struct Firing {
    alarms: Alarms,
    key: Key,
}

impl Firing {
    /// The handler has ended. Unless it has set another alarm, the alarm is deleted, or fires again
    /// after a failure.
    pub(super) fn end(self, attempts: u32, is_success: bool) {
        let (class, id, version) = &self.key;
        let is_over = is_success || attempts >= RETRIES;
        if is_over && !is_success {
            log_line(&format!(
                "error: the alarm of an object of {class} failed {} times, and does not fire again",
                attempts + 1
            ));
        }

        let ended = self.alarms.run(|connection| {
            if is_over {
                let sql = "DELETE FROM alarms WHERE class = ?1 AND id = ?2 AND version = ?3";
                return connection.execute(sql, params![class, id, version]);
            }
            let next = now_milliseconds() + (2000 << attempts);
            let sql = "UPDATE alarms SET due = ?4, attempts = attempts + 1
                 WHERE class = ?1 AND id = ?2 AND version = ?3";
            connection.execute(sql, params![class, id, version, next])
        });
        if let Err(failure) = ended {
            log_line(&format!("error: {}", failure.message));
        }
    }
}

impl Drop for Firing {
    fn drop(&mut self) {
        lock(&self.alarms.0.firing).retain(|key| *key != self.key);
        self.alarms.0.changed.notify_one();
    }
}
