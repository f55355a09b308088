//! Rebuilds one empty table in its altered form.

use rusqlite::Connection;

use crate::Database;
use crate::migrations::quote_name;

use super::Alteration;

/// An ordinary table with the objects that depend on it.
struct StoredTable {
    /// The rowid in `sqlite_schema`.
    place: i64,
    /// The CREATE TABLE statement.
    sql: String,
    /// The CREATE statements of its indexes and triggers.
    dependents: Vec<String>,
}

/// Rebuilds a table in its altered form and returns its original position.
///
/// Returns `None` if the table cannot be rebuilt: it is missing, is not an ordinary table, contains
/// rows, has used an AUTOINCREMENT value, or has a trigger and is to be renamed.
pub(super) fn rebuild_table(
    connection: &Connection,
    scratch: &Database,
    alteration: &Alteration,
    statement: &str,
) -> rusqlite::Result<Option<i64>> {
    let Alteration { table, renamed } = alteration;
    let Some(stored) = stored_table(connection, alteration)? else {
        return Ok(None);
    };
    if has_rows(connection, table)?
        || (stored.sql.to_ascii_lowercase().contains("autoincrement")
            && has_used_autoincrement(connection, table)?)
    {
        return Ok(None);
    }

    // An index contains the name of its table, so SQLite must rewrite it after a rename. A new
    // column does not change an index.
    let (rewritten, unchanged) = match renamed {
        Some(_) => (stored.dependents, Vec::new()),
        None => (Vec::new(), stored.dependents),
    };
    let altered = altered_schema(scratch, alteration, &stored.sql, &rewritten, statement)?;

    connection.execute_batch(&format!("DROP TABLE {}", quote_name(table)))?;
    for create in altered.iter().chain(&unchanged) {
        connection.execute_batch(create)?;
    }
    Ok(Some(stored.place))
}

/// Reads a table and its dependents from the schema.
///
/// Returns `None` if it is not an ordinary table, or has a trigger and is to be renamed.
fn stored_table(
    connection: &Connection,
    alteration: &Alteration,
) -> rusqlite::Result<Option<StoredTable>> {
    let Alteration { table, renamed } = alteration;
    // One query for everything: the schema can have a row for each of hundreds of tables and
    // indexes.
    let mut statement = connection.prepare_cached(
        "SELECT rowid, type, sql, rootpage > 0 FROM sqlite_schema
         WHERE tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL ORDER BY rowid",
    )?;
    let rows = statement.query_map([table], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, bool>(3)?,
        ))
    })?;

    let mut found = None;
    let mut dependents = Vec::new();
    for row in rows {
        let (place, kind, sql, is_ordinary) = row?;
        match kind.as_str() {
            "table" if is_ordinary => found = Some((place, sql)),
            "trigger" if renamed.is_some() => return Ok(None),
            "index" | "trigger" => dependents.push(sql),
            _ => {}
        }
    }
    Ok(found.map(|(place, sql)| StoredTable {
        place,
        sql,
        dependents,
    }))
}

/// Runs the ALTER TABLE in the scratch database and returns the resulting CREATE statements.
fn altered_schema(
    scratch: &Database,
    alteration: &Alteration,
    table_sql: &str,
    indexes: &[String],
    statement: &str,
) -> rusqlite::Result<Vec<String>> {
    let Alteration { table, renamed } = alteration;
    let new_name = renamed.as_ref().unwrap_or(table);

    let alter = || -> rusqlite::Result<Vec<String>> {
        scratch.trusted(|connection| {
            connection.execute_batch(table_sql)?;
            indexes
                .iter()
                .try_for_each(|index| connection.execute_batch(index))
        })?;
        // The rules apply to the statement itself: D1 may reject it.
        scratch.connection().execute_batch(statement)?;

        let mut schema = scratch.connection().prepare(
            "SELECT sql FROM sqlite_schema
             WHERE tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL ORDER BY rowid",
        )?;
        schema.query_map([new_name], |row| row.get(0))?.collect()
    };
    let altered = alter();

    // Both names, because the statement may have failed.
    let clear = format!(
        "DROP TABLE IF EXISTS {}; DROP TABLE IF EXISTS {}",
        quote_name(table),
        quote_name(new_name)
    );
    scratch.trusted(|connection| connection.execute_batch(&clear))?;
    altered
}

fn has_rows(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let exists = format!("SELECT EXISTS (SELECT 1 FROM {})", quote_name(table));
    connection.query_row(&exists, [], |row| row.get(0))
}

/// Reports whether the table has used an AUTOINCREMENT value, which dropping the table would lose.
fn has_used_autoincrement(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let has_sequences: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence')",
        )?
        .query_row([], |row| row.get(0))?;
    if !has_sequences {
        return Ok(false);
    }

    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1 COLLATE NOCASE)",
        )?
        .query_row([table], |row| row.get(0))
}
