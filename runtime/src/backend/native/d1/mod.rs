//! D1 in SQLite.
//!
//! A query has the same result as on D1: SQLite applies the rules and limits of D1, and numbers are
//! bound as REAL.

#[cfg(feature = "dashboard")]
mod browse;
mod errors;
mod migrate;
mod run;
mod values;

use std::sync::{Arc, Mutex};

use bindery_sqlite::Database;
use bindery_sqlite::rusqlite::Connection;

use crate::app::Resource;
use crate::d1::{Call, Meta};
use crate::error::Failure;

use super::bindings::Opened;
use super::clock::now_milliseconds;
use super::pool::{Pool, lock};
use migrate::{migrate, migrated_in_memory};
use run::{Decoding, OwnedCall, Ran, read};

#[cfg(feature = "dashboard")]
pub(super) use browse::{Cell, Selected, Table, shortened};
pub(super) use migrate::Place;
pub(crate) use values::Cells;

/// A database, shared by the handles of one backend.
#[derive(Debug, Clone)]
pub(crate) struct D1 {
    pool: Pool<Database>,
    /// What the session of this handle has seen.
    seen: Option<Arc<Mutex<Option<String>>>>,
    /// Whether nothing else may run while a result is decoded.
    is_of_object: bool,
    #[cfg(feature = "dashboard")]
    queries: browse::Queries,
}

impl D1 {
    /// Opens a file, or a database in memory, and applies the pending migrations.
    pub(super) fn open(place: Option<Place<'_>>, resource: &Resource) -> Opened<Self> {
        let database = match place {
            Some(Place { file, .. }) => {
                let database = Database::open(file)?;
                migrate(&database, resource, place)?;
                database
            }
            None => migrated_in_memory(resource)?,
        };
        let file = place.map(|place| place.file);
        let pool = Pool::new(file, database)?;
        Ok(Self {
            pool,
            seen: None,
            is_of_object: false,
            #[cfg(feature = "dashboard")]
            queries: browse::Queries::default(),
        })
    }

    /// The database of an object.
    pub(super) fn of_object(pool: Pool<Database>) -> Self {
        Self {
            pool,
            seen: None,
            is_of_object: true,
            #[cfg(feature = "dashboard")]
            queries: browse::Queries::default(),
        }
    }

    /// Applies the pending migrations of another binding of the same database.
    pub(super) fn migrate(&self, resource: &Resource, place: Option<Place<'_>>) -> Opened<()> {
        let migrate = |database: &Database| migrate(database, resource, place);
        let migrated = self.pool.with_writer(migrate);
        migrated.unwrap_or_else(|| Err("the database is in use".into()))
    }

    /// The same database, whose only copy is always up to date.
    #[expect(clippy::unnecessary_wraps, reason = "the platform can refuse it")]
    pub(crate) fn session(&self, start: &str) -> Result<Self, Failure> {
        let is_bookmark = !start.starts_with("first-");
        let seen = is_bookmark.then(|| start.to_owned());
        Ok(Self {
            pool: self.pool.clone(),
            seen: Some(Arc::new(Mutex::new(seen))),
            is_of_object: self.is_of_object,
            #[cfg(feature = "dashboard")]
            queries: self.queries.clone(),
        })
    }

    pub(crate) fn bookmark(&self) -> Option<String> {
        lock(self.seen.as_ref()?).clone()
    }

    /// Notes that a query of the session has ended.
    fn saw(&self) {
        let Some(seen) = &self.seen else {
            return;
        };
        let now = now_milliseconds();
        let (high, low) = (now >> 32, now & 0xffff_ffff);
        let bookmark = format!("{high:08x}-{low:08x}-00000000-{:032}", 0);
        let mut seen = lock(seen);
        // The order of bookmarks is that of their texts.
        if seen.as_ref().is_none_or(|seen| *seen < bookmark) {
            *seen = Some(bookmark);
        }
    }

    /// Runs a statement that only reads on this thread. Returns `None` if it takes too long.
    pub(crate) fn try_run(&self, call: Call<'_>) -> Option<Result<Meta, Failure>> {
        #[cfg(feature = "dashboard")]
        self.queries.add(call.statement);
        let Call {
            statement,
            parameters,
            limit,
            ..
        } = call;
        let mut sink = Decoding { call, order: None };
        let read = |database: &Database| {
            let connection = database.connection();
            read(connection, statement, parameters, limit, &mut sink)
        };
        let result = self.pool.try_read(read);
        self.saw();
        result
    }

    pub(crate) async fn run(&self, call: Call<'_>) -> Result<Meta, Failure> {
        #[cfg(feature = "dashboard")]
        self.queries.add(call.statement);
        let owned = OwnedCall::new(&call);
        let Ran { meta, rows } = if call.statement.reads_only() {
            let work = move |database: &Database| owned.run(database.connection());
            self.pool.read(work).await?
        } else {
            // As on D1, also a single statement: there `PRAGMA foreign_keys` has no effect.
            let run = move |connection: &Connection| owned.run(connection);
            let work = move |database: &Database| database.transaction(run);
            self.pool.write(work).await?
        };
        self.saw();
        rows.decode(call, self.is_of_object).await?;
        Ok(meta)
    }

    pub(crate) async fn batch(&self, calls: &mut [Call<'_>]) -> Result<Vec<Meta>, Failure> {
        #[cfg(feature = "dashboard")]
        calls
            .iter()
            .for_each(|call| self.queries.add(call.statement));
        let owned: Vec<OwnedCall> = calls.iter().map(OwnedCall::new).collect();
        let run_all = move |connection: &Connection| -> Result<Vec<Ran>, Failure> {
            let run = |(index, call): (usize, &OwnedCall)| {
                let ran = call.run(connection);
                ran.map_err(|failure| failure.at(index))
            };
            owned.iter().enumerate().map(run).collect()
        };
        let ran = if calls.iter().all(|call| call.statement.reads_only()) {
            let work = move |database: &Database| database.snapshot(run_all);
            self.pool.read(work).await?
        } else {
            let work = move |database: &Database| database.transaction(run_all);
            self.pool.write(work).await?
        };

        self.saw();

        let mut metas = Vec::with_capacity(ran.len());
        for (index, (call, Ran { meta, rows })) in calls.iter_mut().zip(ran).enumerate() {
            let decoded = rows.decode(call.reborrow(), self.is_of_object).await;
            decoded.map_err(|failure| failure.at(index))?;
            metas.push(meta);
        }
        Ok(metas)
    }
}
