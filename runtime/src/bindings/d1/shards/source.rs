//! The way of all keys from one database to those that are joining.
//!
//! The keys are read in order, page by page, and those that do not stay are moved. A mark has the
//! last key that was read, so that the next mover does not read the same keys again. Keys that are
//! created behind it move in the next pass. When a pass has moved few keys, the source is closed to
//! new keys that belong elsewhere, and read for the last time.

use super::group::Rows;
use super::mover::{Key, Moved, explain, failed, query};
use super::{Node, hash, homes};
use crate::d1::backup::quoted;
use crate::d1::{D1, Exec, Query};
use crate::error::Result;

/// The keys that move at once.
const GROUP: usize = 100;
/// The pages after which the last key is noted.
const NOTED_PAGES: usize = 10;
/// The passes after which the source is closed, whatever the last one has moved.
const MAX_PASSES: u64 = 5;

/// A database whose keys move.
pub(super) struct Source<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) nodes: Vec<Node>,
    pub(super) databases: &'a [(Node, &'a D1)],
    /// The keys that this mover may move.
    pub(super) limit: u64,
    /// The pages that it may still read, and their keys.
    pub(super) pages: usize,
    pub(super) page_keys: usize,
}

/// A pass over the keys of an open source.
#[derive(Debug, Clone, Copy)]
struct Pass {
    /// From 1.
    number: u64,
    /// The keys that movers have moved in it.
    moved: u64,
}

impl Source<'_> {
    /// Moves every key that does not stay. Returns whether all were moved.
    pub(super) async fn empty(
        &mut self,
        targets: &[(Node, &D1)],
        moved: &mut Moved,
    ) -> Result<bool> {
        if self.is_complete(targets).await? {
            return Ok(true);
        }
        if !self.is_closed(targets).await? {
            if !self.move_most(moved).await? {
                return Ok(false);
            }
            self.close(targets).await?;
        }

        // Keys that were created in the meantime are closed now, and move as well. Nobody can use
        // them until they have, so there is no limit.
        let pages = std::mem::replace(&mut self.pages, usize::MAX);
        if let Err(error) = self.move_rest(moved).await {
            // The first error is more helpful.
            let _ = self.reopen(targets).await;
            return Err(error);
        }
        self.pages = pages;
        for (_, target) in targets {
            let sql = "INSERT OR IGNORE INTO _bindery_moves VALUES ('complete', ?1, NULL)";
            let complete = query(target, sql).bind(self.rows.source.0.name).execute();
            let complete = target.batch((self.rows.is_mine(target), complete)).await;
            complete.map_err(|error| explain(target, error))?;
        }
        Ok(true)
    }

    /// Moves keys until a pass has moved few of them. Returns whether no limit was reached.
    async fn move_most(&mut self, moved: &mut Moved) -> Result<bool> {
        loop {
            let earlier = self.pass().await?;
            let before = moved.keys;
            let is_at_end = self.move_all(moved, self.limit).await?;

            let pass = Pass {
                moved: earlier.moved + moved.keys - before,
                ..earlier
            };
            if !is_at_end {
                self.note_pass(pass).await?;
                return Ok(false);
            }
            if pass.moved <= self.limit || pass.number >= MAX_PASSES {
                return Ok(true);
            }
            self.forget().await?;
            let number = pass.number + 1;
            self.note_pass(Pass { number, moved: 0 }).await?;
        }
    }

    /// Moves the keys of a source that is closed. Rows that an older deployed version has written
    /// behind the mark of an earlier mover are found in another pass.
    async fn move_rest(&mut self, moved: &mut Moved) -> Result<()> {
        let (_, source) = self.rows.source;
        let sql = "SELECT key FROM _bindery_moves WHERE state = 'read' LIMIT 1";
        let is_resumed = query(source, sql).optional::<Key>().await?.is_some();
        self.move_all(moved, u64::MAX).await?;
        if is_resumed {
            self.forget().await?;
            self.move_all(moved, u64::MAX).await?;
        }
        Ok(())
    }

    /// Returns the pass that an earlier mover has begun, or the first one.
    async fn pass(&self) -> Result<Pass> {
        let (_, source) = self.rows.source;
        let sql = "SELECT owner AS key FROM _bindery_moves WHERE state = 'pass'";
        let noted = query(source, sql).optional::<Key>().await?;
        let noted = noted.as_ref().and_then(|Key(noted)| noted.split_once(' '));
        let (number, moved) = noted.unwrap_or(("1", "0"));
        Ok(Pass {
            number: number.parse().unwrap_or(1),
            moved: moved.parse().unwrap_or(0),
        })
    }

    /// Notes what a pass has moved.
    async fn note_pass(&self, Pass { number, moved }: Pass) -> Result<()> {
        let (_, source) = self.rows.source;
        let sql = "INSERT OR REPLACE INTO _bindery_moves VALUES ('pass', '', ?1)";
        let note = query(source, sql).bind(format!("{number} {moved}"));
        let noted = source.batch((self.rows.is_mine(source), note.execute()));
        noted.await.map_err(|error| explain(source, error))?;
        Ok(())
    }

    /// Lets the keys be read from the start.
    async fn forget(&self) -> Result<()> {
        let (_, source) = self.rows.source;
        let forgotten = source.batch((self.rows.is_mine(source), forget(source)));
        forgotten.await.map_err(|error| explain(source, error))?;
        Ok(())
    }

    /// Closes the source to new keys that belong to a target. It is then read from its start.
    async fn close(&self, targets: &[(Node, &D1)]) -> Result<()> {
        let (_, source) = self.rows.source;
        let close = targets.iter().map(|(target, _)| {
            let sql = "INSERT OR IGNORE INTO _bindery_moves VALUES ('closed', ?1, NULL)";
            query(source, sql).bind(target.name).execute()
        });
        let close: Vec<_> = close.collect();
        let closed = source.batch((self.rows.is_mine(source), close, forget(source)));
        closed.await.map_err(|error| explain(source, error))?;
        Ok(())
    }

    /// Lets new keys be stored in the source again, unless all have moved.
    async fn reopen(&self, targets: &[(Node, &D1)]) -> Result<()> {
        let (_, source) = self.rows.source;
        for (node, target) in targets {
            if !self.has_all(target).await? {
                let sql = "DELETE FROM _bindery_moves WHERE state = 'closed' AND key = ?1";
                let reopen = query(source, sql).bind(node.name).execute();
                let all = (self.rows.is_mine(source), reopen, forget(source));
                source.batch(all).await?;
            }
        }
        Ok(())
    }

    /// Whether an earlier mover has closed the source.
    async fn is_closed(&self, targets: &[(Node, &D1)]) -> Result<bool> {
        let (_, source) = self.rows.source;
        let sql = "SELECT key FROM _bindery_moves WHERE state = 'closed'";
        let closed = query(source, sql).all::<Key>().await?;
        let is_closed = |(target, _): &(Node, &D1)| closed.iter().any(|key| key.0 == target.name);
        Ok(targets.iter().all(is_closed))
    }

    /// Whether an earlier mover has moved every key.
    async fn is_complete(&self, targets: &[(Node, &D1)]) -> Result<bool> {
        for (_, target) in targets {
            if !self.has_all(target).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a target has all keys of the source that belong there.
    async fn has_all(&self, target: &D1) -> Result<bool> {
        let sql = "SELECT key FROM _bindery_moves WHERE state = 'complete' AND key = ?1";
        let mark = query(target, sql).bind(self.rows.source.0.name);
        Ok(mark.optional::<Key>().await?.is_some())
    }

    /// Moves every key that is found. Returns whether no limit was reached.
    async fn move_all(&mut self, moved: &mut Moved, limit: u64) -> Result<bool> {
        let (_, source) = self.rows.source;
        let sql = "SELECT key FROM _bindery_moves WHERE state = 'moving'";
        let interrupted = query(source, sql).all::<Key>().await?;
        if !self.move_keys(interrupted, moved, limit).await? {
            return Ok(false);
        }

        for (table, column) in self.rows.key {
            let mut last = self.last_key(table).await?;
            let mut noted = last.clone();
            for read in 1_usize.. {
                if self.pages == 0 {
                    self.note(table, last).await?;
                    return Ok(false);
                }
                let keys = self.page((table, column), last.as_ref()).await?;
                let Some(end) = keys.last().cloned() else {
                    break;
                };
                self.pages -= 1;
                if !self.move_keys(keys, moved, limit).await? {
                    self.note(table, last).await?;
                    return Ok(false);
                }
                last = Some(end);
                if read.is_multiple_of(NOTED_PAGES) {
                    self.note(table, last.clone()).await?;
                    noted.clone_from(&last);
                }
            }
            if noted != last {
                self.note(table, last).await?;
            }
        }
        Ok(true)
    }

    /// Reads the keys of a table after one of them.
    async fn page(&self, (table, column): (&str, &str), after: Option<&Key>) -> Result<Vec<Key>> {
        let (_, source) = self.rows.source;
        let (table, column) = (quoted(table), quoted(column));
        let condition = match after {
            Some(_) => format!("AND {column} > ?1"),
            None => String::new(),
        };
        // Not `key`, which can be a column of the table.
        let sql = format!(
            "SELECT CAST(key AS TEXT) AS key FROM (SELECT DISTINCT {column} AS key FROM {table} \
             WHERE typeof({column}) IN ('text', 'integer') {condition} ORDER BY 1 LIMIT {})",
            self.page_keys
        );
        let keys = query(source, sql);
        let keys = match after {
            Some(Key(after)) => keys.bind(after.as_str()),
            None => keys,
        };
        keys.all::<Key>().await
    }

    /// Returns the last key of a table that a mover has read.
    async fn last_key(&self, table: &str) -> Result<Option<Key>> {
        let (_, source) = self.rows.source;
        let sql = "SELECT owner AS key FROM _bindery_moves WHERE state = 'read' AND key = ?1";
        query(source, sql).bind(table).optional::<Key>().await
    }

    /// Notes the last key of a table that was read.
    async fn note(&self, table: &str, key: Option<Key>) -> Result<()> {
        let (_, source) = self.rows.source;
        let Some(Key(key)) = key else { return Ok(()) };
        let sql = "INSERT OR REPLACE INTO _bindery_moves VALUES ('read', ?1, ?2)";
        let note = query(source, sql).bind(table).bind(key).execute();
        let noted = source.batch((self.rows.is_mine(source), note)).await;
        noted.map_err(|error| explain(source, error))?;
        Ok(())
    }

    /// Moves those of the keys that do not stay. Returns whether the limit was not reached.
    async fn move_keys(&self, keys: Vec<Key>, moved: &mut Moved, limit: u64) -> Result<bool> {
        let (source, database) = self.rows.source;
        let mut of_target: Vec<Vec<String>> = vec![Vec::new(); self.nodes.len()];
        for Key(key) in keys {
            let (from, to) = homes(self.nodes.iter(), hash(&key));
            // Nobody would find such a row, so it is not one of the key.
            if self.nodes[from].name != source.name {
                let message = format!(
                    "cannot move rows: {} has rows of keys that belong to {}",
                    source.name, self.nodes[from].name
                );
                return Err(failed(database, message));
            }
            of_target[to].push(key);
        }

        for ((node, target), keys) in self.databases.iter().zip(of_target) {
            if !node.is_joining {
                continue;
            }
            let mut rest = keys.as_slice();
            while !rest.is_empty() {
                let left = limit.saturating_sub(moved.keys);
                if left == 0 {
                    return Ok(false);
                }
                let count = usize::try_from(left).unwrap_or(GROUP).min(GROUP);
                let (group, others) = rest.split_at(count.min(rest.len()));
                moved.rows += self.rows.move_to(target, group).await?;
                moved.keys += group.len() as u64;
                rest = others;
            }
        }
        Ok(true)
    }
}

/// The statement that lets the keys be read from the start.
fn forget(source: &D1) -> Query<'_, Exec> {
    query(source, "DELETE FROM _bindery_moves WHERE state = 'read'").execute()
}
