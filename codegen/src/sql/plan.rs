//! How SQLite would run a statement: which indexes it uses, and which tables it reads whole.
//!
//! <https://www.sqlite.org/eqp.html>

use bindery_sqlite::rusqlite::{self, Connection};

use super::analyzer::Named;
use crate::cache::encode_fields;

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// SQLite's own words.
    pub detail: String,
    /// How deep the step stands below others.
    pub depth: usize,
    /// The table that is read whole.
    pub scans: Option<String>,
    /// The index that is used.
    pub index: Option<String>,
}

encode_fields! { Step { detail, depth, scans, index } }

/// The plan of a statement; `relations` are the names in its FROM clauses and the tables behind them.
pub(super) fn of(
    connection: &Connection,
    sql: &str,
    relations: &[Named],
) -> rusqlite::Result<Vec<Step>> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let mut rows = statement.raw_query();
    let mut steps: Vec<Step> = Vec::new();
    let mut depths: Vec<(i64, usize)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, parent, detail): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let depth = depths
            .iter()
            .rev()
            .find(|(known, _)| *known == parent)
            .map_or(0, |(_, depth)| depth + 1);
        depths.push((id, depth));
        let index = ["USING INDEX ", "USING COVERING INDEX "]
            .iter()
            .find_map(|words| {
                detail
                    .split_once(words)
                    .map(|(_, rest)| rest.split(' ').next().unwrap_or_default().to_owned())
            });
        let table = |shown: &str| {
            relations
                .iter()
                .find(|named| named.shown == shown)
                .map(|named| named.table.clone())
        };
        let scans = detail
            .strip_prefix("SCAN ")
            .filter(|rest| !rest.contains("VIRTUAL TABLE"))
            .and_then(|rest| {
                // A name can hold spaces; what follows it is in capitals.
                let end = [" USING ", " LEFT-JOIN", " VIRTUAL"]
                    .iter()
                    .filter_map(|words| rest.find(words))
                    .min();
                table(rest.get(..end.unwrap_or(rest.len())).unwrap_or_default())
            });
        steps.push(Step {
            detail,
            depth,
            scans,
            index,
        });
    }
    Ok(steps)
}
