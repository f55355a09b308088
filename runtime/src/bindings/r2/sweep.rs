//! Deletes the objects that nothing refers to.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;

use super::R2;
use super::core::{Core, ListRequest};
use super::key::KeyOf;
use crate::bindings::key::{Binding, Prefix};
use crate::error::Result;
use crate::time;

/// Which objects a [sweep](R2::sweep) checks.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SweepOptions {
    /// The age that an object must have. It gives a request time to store the row of an object
    /// after the object.
    pub min_age: Duration,
    /// The pages of up to 1000 objects that are checked.
    pub max_pages: u32,
    /// Where an earlier sweep ended.
    pub cursor: Option<String>,
}

impl Default for SweepOptions {
    fn default() -> Self {
        Self {
            min_age: Duration::from_secs(24 * 3600),
            max_pages: 10,
            cursor: None,
        }
    }
}

impl SweepOptions {
    /// Sets the age that an object must have: a day by default.
    #[must_use]
    pub fn min_age(mut self, age: Duration) -> Self {
        self.min_age = age;
        self
    }

    /// Sets how many pages of up to 1000 objects are checked: 10 by default. Each is three calls,
    /// and a worker has a limited number of them.
    #[must_use]
    pub fn max_pages(mut self, pages: u32) -> Self {
        self.max_pages = pages;
        self
    }

    /// Continues an earlier sweep.
    #[must_use]
    pub fn cursor(mut self, cursor: Option<String>) -> Self {
        self.cursor = cursor;
        self
    }
}

/// What a [sweep](R2::sweep) did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sweep {
    /// The objects that were old enough to be checked.
    pub checked: u64,
    /// The objects that were deleted.
    pub deleted: u64,
    /// Where the next sweep continues; `None` after the last object.
    pub cursor: Option<String>,
}

/// Cleaning up.
impl<B: Binding> R2<B> {
    /// Deletes the objects with a prefix that nothing refers to: those that remain when a request
    /// stores an object and then fails to store its row. A cron can call it.
    ///
    /// `referenced` receives keys, and returns those of them that are in use. Objects that are
    /// younger than [`SweepOptions::min_age`] are not checked. Each upload needs a key of its own:
    /// an object that replaces one while it is swept could be deleted.
    ///
    /// # Errors
    /// The errors of `referenced`. See also [`R2`]. The objects of earlier pages are then deleted.
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::{self, R2}};
    /// # struct Db;
    /// # impl Db {
    /// #     async fn known(&self, keys: &[String]) -> bindery::Result<Vec<String>> {
    /// #         Ok(keys.to_vec())
    /// #     }
    /// # }
    /// # struct Env<B> { db: Db, storage: R2<B> }
    /// # async fn f<B: Binding>(env: &Env<B>) -> bindery::Result<()> {
    /// use bindery::r2::SweepOptions;
    ///
    /// // SELECT object_key FROM files WHERE object_key IN (:keys)
    /// let known = async |keys: Vec<String>| env.db.known(&keys).await;
    /// let prefix = r2::prefix("files/");
    /// let swept = env.storage.sweep(prefix, SweepOptions::default(), known).await?;
    /// println!("{} of {} objects deleted", swept.deleted, swept.checked);
    /// # Ok(()) }
    /// ```
    pub fn sweep<'a, K: KeyOf<B::Name>, F>(
        &'a self,
        prefix: Prefix<K>,
        options: SweepOptions,
        mut referenced: impl FnMut(Vec<String>) -> F + Send + 'a,
    ) -> BoxFuture<'a, Result<Sweep>>
    where
        F: Future<Output = Result<Vec<String>>> + Send + 'a,
    {
        let core = &self.core;
        let mut request = ListRequest {
            prefix: prefix.text.into_owned(),
            cursor: options.cursor,
            ..ListRequest::default()
        };
        // No object is older than the age of the epoch.
        let newest = time::now().checked_sub(options.min_age);
        let newest = newest.unwrap_or(SystemTime::UNIX_EPOCH);

        Box::pin(async move {
            let mut sweep = Sweep::default();
            for _ in 0..options.max_pages {
                let (keys, cursor) = core.old_keys(&request, newest).await?;
                sweep.checked += keys.len() as u64;
                if !keys.is_empty() {
                    let known = referenced(keys.clone()).await?;
                    sweep.deleted += core.delete_others(keys, known).await?;
                }
                sweep.cursor.clone_from(&cursor);
                request.cursor = cursor;
                if request.cursor.is_none() {
                    break;
                }
            }
            Ok(sweep)
        })
    }

    /// Aborts multipart uploads, given as key and id. Those that were completed or aborted are
    /// skipped. R2 aborts an upload after 7 days by itself; until then, its parts cost storage.
    ///
    /// # Errors
    /// See [`R2`].
    pub fn abort_multiparts<K: AsRef<str>, I: Into<String>>(
        &self,
        uploads: impl IntoIterator<Item = (K, I)>,
    ) -> BoxFuture<'_, Result<()>> {
        let uploads = uploads.into_iter();
        let uploads: Vec<(String, String)> = uploads
            .map(|(key, id)| (key.as_ref().to_owned(), id.into()))
            .collect();
        Box::pin(async move {
            for (key, id) in uploads {
                match self.core.abort(&key, &id).await {
                    Err(error) if !error.is_not_found() => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
            Ok(())
        })
    }
}

impl Core {
    /// Returns the keys of a page whose objects were stored before a time, and the cursor of the
    /// next page.
    async fn old_keys(
        &self,
        request: &ListRequest,
        newest: SystemTime,
    ) -> Result<(Vec<String>, Option<String>)> {
        let listing = self.list(request).await?;
        let objects = listing.objects.into_iter();
        let old = objects.filter(|object| object.uploaded <= newest);
        Ok((old.map(|object| object.key).collect(), listing.cursor))
    }

    /// Deletes the objects that are not known, and returns their number.
    async fn delete_others(&self, mut keys: Vec<String>, known: Vec<String>) -> Result<u64> {
        let known: HashSet<String> = known.into_iter().collect();
        keys.retain(|key| !known.contains(key));
        self.delete(&keys).await?;
        Ok(keys.len() as u64)
    }
}
