//! Reads the schema back from SQLite.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bindery_sqlite::Database;
use bindery_sqlite::rusqlite::{self, Connection};

use crate::syntax;

use super::{Checked, Column, Index, Table, TableKind, TextEnum};

/// Every table and view but SQLite's own and the migrations_table.
pub(super) fn tables(
    database: &Database,
    migrations_table: &str,
    places: &HashMap<String, i64>,
) -> rusqlite::Result<(Vec<Table>, Vec<TextEnum>)> {
    database.trusted(|connection| {
        let broken = take_broken_views(connection)?;
        let with_triggers = tables_with_triggers(connection)?;
        let mut statement = connection.prepare(
            "SELECT list.name, list.type, list.wr, list.strict, master.sql, master.rowid
             FROM pragma_table_list AS list LEFT JOIN sqlite_schema AS master
               ON master.name = list.name AND master.type IN ('table', 'view')
             WHERE list.schema = 'main' AND list.type <> 'shadow'
             ORDER BY master.rowid, list.name",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, bool>(2)?,
                row.get::<_, bool>(3)?,
                row.get::<_, Option<String>>(4)?,
                row.get::<_, Option<i64>>(5)?,
            ))
        })?;
        let mut tables = Vec::new();
        let mut text_enums = Vec::new();
        let mut rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
        // A table that was made anew keeps its place.
        rows.sort_by_key(|row| places.get(&row.0.to_ascii_lowercase()).copied().or(row.5));
        for row in rows {
            let (name, kind, without_rowid, strict, sql, _) = row;
            let has_triggers = with_triggers.contains(&name.to_ascii_lowercase());
            let own = ["sqlite_schema", "sqlite_sequence"].contains(&name.as_str());
            if name == migrations_table || (name.starts_with("sqlite_") && !own) {
                continue;
            }
            let kind = match kind.as_str() {
                "view" => TableKind::View(sql.unwrap_or_default()),
                "virtual" => virtual_table(&sql.unwrap_or_default()),
                _ => {
                    tables.push(table(
                        connection,
                        name,
                        &sql.unwrap_or_default(),
                        !without_rowid,
                        strict,
                        has_triggers,
                        &mut text_enums,
                    )?);
                    continue;
                }
            };
            let has_rowid = !matches!(kind, TableKind::View(_)) && !without_rowid;
            let columns = columns(connection, &name, strict)?;
            tables.push(Table {
                name,
                kind,
                has_rowid,
                has_triggers,
                columns,
                indexes: Vec::new(),
            });
        }
        for (name, sql) in broken {
            let kind = TableKind::View(sql);
            tables.push(Table {
                name,
                kind,
                has_rowid: false,
                has_triggers: false,
                columns: Vec::new(),
                indexes: Vec::new(),
            });
        }
        Ok((tables, text_enums))
    })
}

/// The tables and views that triggers hang on, in lower case.
fn tables_with_triggers(connection: &Connection) -> rusqlite::Result<HashSet<String>> {
    let mut statement =
        connection.prepare("SELECT lower(tbl_name) FROM sqlite_schema WHERE type = 'trigger'")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// Views that cannot be read: a migration dropped what they read, which SQLite lets it. One of them would keep
/// SQLite from listing the others, so they are taken out.
fn take_broken_views(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement =
        connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'view'")?;
    let views: Vec<(String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut broken = Vec::new();
    for (name, sql) in views {
        let quoted = name.replace('"', "\"\"");
        if connection
            .prepare(&format!("SELECT 1 FROM \"{quoted}\""))
            .is_err()
        {
            broken.push((name, sql));
        }
    }
    for (name, _) in &broken {
        connection.execute_batch(&format!("DROP VIEW \"{}\"", name.replace('"', "\"\"")))?;
    }
    Ok(broken)
}

/// The module of a virtual table and its arguments.
fn virtual_table(sql: &str) -> TableKind {
    let (module, arguments) = syntax::parse_virtual(sql).unwrap_or_default();
    TableKind::Virtual(module, arguments)
}

fn table(
    connection: &Connection,
    name: String,
    sql: &str,
    has_rowid: bool,
    strict: bool,
    has_triggers: bool,
    text_enums: &mut Vec<TextEnum>,
) -> rusqlite::Result<Table> {
    let mut columns = columns(connection, &name, strict)?;
    let indexes = indexes(connection, &name)?;
    let definition = syntax::parse_table(sql).unwrap_or_default();
    let text: Arc<str> = Arc::from(sql);
    for defined in definition.columns {
        let Some(column) = columns
            .iter_mut()
            .find(|column| defined.name.is(&column.name))
        else {
            continue;
        };
        if let Some(collation) = defined.collation {
            column.collation = collation.to_ascii_uppercase();
        }
        column.computed = defined
            .generated
            .filter(|_| column.generated)
            .map(|computed| (computed, Arc::clone(&text)));
    }
    // A single INTEGER key without an index of its own is the rowid itself. SQLite gives such a
    // key no index; `INTEGER PRIMARY KEY DESC`, which is no alias, gets one.
    let mut key = columns.iter_mut().filter(|column| column.in_key);
    if let (Some(column), None, true) = (key.next(), key.next(), has_rowid)
        && column.declared.eq_ignore_ascii_case("integer")
        && indexes.iter().all(|index| !index.of_key)
    {
        column.rowid_alias = true;
        column.not_null = true;
    }
    super::check::apply(&name, &mut columns, &definition.checks, sql, text_enums);
    Ok(Table {
        name,
        kind: TableKind::Table,
        has_rowid,
        has_triggers,
        columns,
        indexes,
    })
}

fn columns(connection: &Connection, table: &str, strict: bool) -> rusqlite::Result<Vec<Column>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1)",
    )?;
    let mut columns = Vec::new();
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        let hidden: i64 = row.get(5)?;
        let (declared, default): (String, Option<String>) = (row.get(1)?, row.get(3)?);
        columns.push(Column {
            name: row.get(0)?,
            counts_seconds: default
                .as_deref()
                .is_some_and(|default| is_number_by_default(connection, &declared, default)),
            declared,
            not_null: row.get(2)?,
            has_default: default.is_some(),
            in_key: row.get::<_, i64>(4)? > 0,
            rowid_alias: false,
            // 2 and 3 are virtual and stored generated columns; 1 is a hidden column of a virtual table.
            generated: hidden >= 2,
            hidden: hidden == 1,
            strict,
            collation: "BINARY".to_owned(),
            checked: Checked::Any,
            computed: None,
        });
    }
    Ok(columns)
}

/// Whether a column of a date is given a number where nothing is given: `DEFAULT (unixepoch())`.
fn is_number_by_default(connection: &Connection, declared: &str, default: &str) -> bool {
    if !super::is_date(declared) || default.eq_ignore_ascii_case("CURRENT_TIMESTAMP") {
        return false;
    }
    // As the column's affinity has it: a text of digits becomes a number.
    let sql = format!(
        "SELECT typeof(value) = 'integer' OR CAST(CAST(value AS INTEGER) AS TEXT) = value FROM (SELECT ({default}) AS value)"
    );
    connection
        .query_row(&sql, [], |row| row.get(0))
        .unwrap_or(false)
}

fn indexes(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Index>> {
    let mut statement = connection.prepare_cached(
        "SELECT list.name, list.\"unique\", list.partial, list.origin = 'pk', part.cid, part.coll
         FROM pragma_index_list(?1) AS list, pragma_index_xinfo(list.name) AS part
         WHERE part.key ORDER BY list.seq, part.seqno",
    )?;
    let mut rows = statement.query([table])?;
    let mut indexes: Vec<Index> = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if indexes.last().is_none_or(|last| last.name != name) {
            let (unique, partial, of_key) = (row.get(1)?, row.get(2)?, row.get(3)?);
            indexes.push(Index {
                name,
                unique,
                partial,
                of_key,
                columns: Vec::new(),
            });
        }
        let column = usize::try_from(row.get::<_, i64>(4)?).ok();
        let collation: Option<String> = row.get(5)?;
        if let Some(index) = indexes.last_mut() {
            index
                .columns
                .push((column, collation.unwrap_or_default().to_ascii_uppercase()));
        }
    }
    Ok(indexes)
}
