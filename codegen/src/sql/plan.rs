//! SQLite's plan for a statement: the indexes that it uses, and the tables that it reads whole.
//!
//! <https://www.sqlite.org/eqp.html>

use bindery_sqlite::rusqlite::{self, Connection};

use crate::cache::encode_fields;

use super::analyzer::Named;

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// SQLite's description.
    pub detail: String,
    /// The number of steps that this one is nested in.
    pub depth: usize,
    /// The table that is read whole.
    pub scans: Option<String>,
    /// The index that is used.
    pub index: Option<String>,
}

encode_fields! { Step { detail, depth, scans, index } }

/// Returns the plan of a statement. `relations` are the tables of its FROM clauses.
pub(super) fn explain(
    connection: &Connection,
    sql: &str,
    relations: &[Named],
) -> rusqlite::Result<Vec<Step>> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    let mut depths: Vec<(i64, usize)> = Vec::new();

    while let Some(row) = rows.next()? {
        let (id, parent, detail): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let mut known = depths.iter().rev();
        let depth = known
            .find(|(known, _)| *known == parent)
            .map_or(0, |(_, depth)| depth + 1);
        depths.push((id, depth));

        steps.push(Step {
            depth,
            scans: scanned_table(&detail, relations),
            index: used_index(&detail),
            detail,
        });
    }
    Ok(steps)
}

/// Whether SQLite reads every row of the statement before it returns the first one in order.
pub(super) fn sorts(plan: &[Step]) -> bool {
    plan.iter()
        .any(|step| step.depth == 0 && step.detail == "USE TEMP B-TREE FOR ORDER BY")
}

/// The index of a step such as `SEARCH files USING INDEX files_by_name (name=?)`.
fn used_index(detail: &str) -> Option<String> {
    let (_, rest) = ["USING INDEX ", "USING COVERING INDEX "]
        .iter()
        .find_map(|words| detail.split_once(words))?;
    let name = rest.split(' ').next().unwrap_or_default();
    Some(name.to_owned())
}

fn scanned_table(detail: &str, relations: &[Named]) -> Option<String> {
    let shown = scanned_name(detail)?;
    let relation = relations.iter().find(|named| named.shown == shown)?;
    Some(relation.table.clone())
}

/// The name of what is read whole in a step such as `SCAN f USING COVERING INDEX files_by_name`.
///
/// SQLite also reads a whole table to build an index that only this statement uses:
/// `SEARCH f USING AUTOMATIC COVERING INDEX (name=?)`.
pub(super) fn scanned_name(detail: &str) -> Option<&str> {
    let rest = match detail.strip_prefix("SEARCH ") {
        Some(rest) => rest.contains(" USING AUTOMATIC ").then_some(rest)?,
        None => detail.strip_prefix("SCAN ")?,
    };
    if rest.contains("VIRTUAL TABLE") {
        return None;
    }

    // A name can contain spaces; the words after it are in capitals.
    let end = [" USING ", " LEFT-JOIN", " EXISTS", " VIRTUAL"]
        .iter()
        .filter_map(|words| rest.find(words))
        .min()
        .unwrap_or(rest.len());
    let name = &rest[..end];
    Some(name.strip_prefix("main.").unwrap_or(name))
}
