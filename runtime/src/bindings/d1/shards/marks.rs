//! The table in which the databases of a set note which keys were moved.
//!
//! The database that a key leaves has a mark in the state `moving`, later `moved`. From then on,
//! queries for the key fail there in their own transaction. The database that the key moves to has
//! a mark in the state `copying`, later `arrived`, and queries for the key fail there before. The
//! marks `closed` and `complete` are the same for all keys, with the name of the other database.
//! `mover` has the id of the mover that may write, `joining` the databases that are joining, and
//! `read` the last key of a table that a mover has read, in the pass over all keys that `pass`
//! counts.

use crate::backend;
use crate::d1::backup::quoted;
use crate::d1::meta::Detail;
use crate::d1::query::Collected;
use crate::d1::{AnyStatement, Call, D1, Exec, Meta, Parameter, Query, Statement};
use crate::error::Failure;

use super::mover::query;

/// The text in the error of a check that fails.
const REFUSED: &str = "bindery: the key is in another database";

/// Creates the table.
pub(super) static CREATE: Statement = Statement {
    name: "shard",
    sql: "CREATE TABLE IF NOT EXISTS _bindery_moves (state TEXT NOT NULL, key TEXT NOT NULL, \
          owner TEXT, PRIMARY KEY (state, key)) WITHOUT ROWID",
    columns: &[],
    blobs: &[],
    reads_only: false,
    reads: &[],
    writes: &[],
};

/// Fails if the key `?1` has left the database for `?2`.
pub(super) static HAS_NOT_LEFT: Statement = Statement {
    name: "shard",
    sql: "SELECT json_extract('{}', CASE WHEN EXISTS (SELECT 1 FROM _bindery_moves WHERE \
          (state, key) IN (VALUES ('moving', ?1), ('moved', ?1), ('closed', ?2))) \
          THEN 'bindery: the key is in another database' ELSE '$' END)",
    columns: &["checked"],
    blobs: &[],
    reads_only: true,
    reads: &[],
    writes: &[],
};

/// Fails if the key `?1` has not arrived in the database from `?2`.
pub(super) static HAS_ARRIVED: Statement = Statement {
    name: "shard",
    sql: "SELECT json_extract('{}', CASE WHEN EXISTS (SELECT 1 FROM _bindery_moves WHERE \
          (state, key) IN (VALUES ('arrived', ?1), ('complete', ?2))) \
          THEN '$' ELSE 'bindery: the key is in another database' END)",
    columns: &["checked"],
    blobs: &[],
    reads_only: true,
    reads: &[],
    writes: &[],
};

/// Fails if another mover has started. `?1` is the id of this one.
pub(super) const IS_MINE: &str = "SELECT json_extract('{}', CASE WHEN EXISTS (SELECT 1 FROM \
                                  _bindery_moves WHERE state = 'mover' AND owner = ?1) THEN '$' \
                                  ELSE 'bindery: another mover has started' END) AS checked";

/// Fails if another mover has started.
pub(super) fn is_mine<'d>(database: &'d D1, owner: &str) -> Query<'d, Exec> {
    query(database, IS_MINE).bind(owner.to_owned()).execute()
}

/// Returns a statement that fails with the text of a problem unless a condition is met. `?1` is a
/// JSON array of keys.
pub(super) fn check(condition: &str, problem: &str) -> String {
    // A quote would end the text.
    let problem = problem.replace('\'', "''");
    format!(
        "SELECT json_extract('{{}}', CASE WHEN {condition} THEN '$' ELSE 'bindery: {problem}' END) \
         AS checked"
    )
}

/// The condition that a column has one of the keys `?1`.
pub(super) fn is_of_keys(column: &str) -> String {
    let column = quoted(column);
    format!("{column} IN (SELECT value FROM json_each(?1))")
}

/// Runs a check and then some calls in one transaction. Returns `None` if the check refuses them.
pub(super) async fn checked(
    database: &backend::D1,
    check: &'static Statement,
    parameters: &[Parameter<'_>; 2],
    calls: &mut [Call<'_>],
) -> Result<Option<Vec<Meta>>, Failure> {
    loop {
        let statement = AnyStatement::Generated(check);
        let mut rows = Collected::<Exec>::of(&statement);
        let mut all = Vec::with_capacity(calls.len() + 1);
        all.push(call(&statement, parameters, &mut rows));
        all.extend(calls.iter_mut().map(Call::reborrow));

        match database.batch(&mut all).await {
            Ok(mut metas) => {
                metas.drain(..1.min(metas.len()));
                return Ok(Some(metas));
            }
            Err(failure) if failure.message.contains(REFUSED) => return Ok(None),
            Err(failure) if is_missing(&failure) => create(database).await?,
            Err(failure) => {
                let index = failure.index.map(|index| index.saturating_sub(1));
                return Err(failure.at(index));
            }
        }
    }
}

/// Whether a statement failed because the table does not exist.
fn is_missing(failure: &Failure) -> bool {
    failure.message.contains("no such table: _bindery_moves")
}

/// Creates the table.
async fn create(database: &backend::D1) -> Result<(), Failure> {
    let statement = AnyStatement::Generated(&CREATE);
    let mut rows = Collected::<Exec>::of(&statement);
    database.run(call(&statement, &[], &mut rows)).await?;
    Ok(())
}

fn call<'c>(
    statement: &'c AnyStatement,
    parameters: &'c [Parameter<'c>],
    rows: &'c mut Collected<Exec>,
) -> Call<'c> {
    Call {
        statement,
        parameters,
        rows,
        limit: 0,
        detail: Detail::Counts,
    }
}
