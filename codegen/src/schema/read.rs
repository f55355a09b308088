//! Reads the schema back from SQLite.

use bindery_sqlite::Database;
use bindery_sqlite::rusqlite::{self, Connection};

use super::{Column, Table, TableKind};

/// Every table and view but SQLite's own and the ledger.
pub(super) fn tables(database: &Database, ledger: &str) -> rusqlite::Result<Vec<Table>> {
    database.trusted(|connection| {
        let mut statement = connection.prepare(
            "SELECT list.name, list.type, list.wr, list.strict, master.sql,
                    EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = list.name)
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
                row.get::<_, bool>(5)?,
            ))
        })?;
        let mut tables = Vec::new();
        for row in rows {
            let (name, kind, without_rowid, strict, sql, has_triggers) = row?;
            if name == ledger || (name.starts_with("sqlite_") && name != "sqlite_schema") {
                continue;
            }
            let kind = match kind.as_str() {
                "view" => TableKind::View(sql.unwrap_or_default()),
                "virtual" => TableKind::Virtual,
                _ => TableKind::Table,
            };
            let has_rowid = !matches!(kind, TableKind::View(_)) && !without_rowid;
            let columns = columns(connection, &name, &kind, has_rowid, strict)?;
            tables.push(Table { name, kind, has_rowid, has_triggers, columns });
        }
        Ok(tables)
    })
}

fn columns(
    connection: &Connection,
    table: &str,
    kind: &TableKind,
    has_rowid: bool,
    strict: bool,
) -> rusqlite::Result<Vec<Column>> {
    let mut statement = connection
        .prepare_cached("SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1)")?;
    let mut columns = Vec::new();
    let mut key = Vec::new();
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        let hidden: i64 = row.get(5)?;
        if row.get::<_, i64>(4)? > 0 {
            key.push(columns.len());
        }
        columns.push(Column {
            name: row.get(0)?,
            declared: row.get(1)?,
            not_null: row.get(2)?,
            has_default: row.get(3)?,
            rowid_alias: false,
            // 2 and 3 are virtual and stored generated columns; 1 is a hidden column of a virtual table.
            generated: hidden >= 2,
            hidden: hidden == 1,
            strict,
        });
    }
    // A single INTEGER key without an index of its own is the rowid itself. SQLite gives such a
    // key no index; `INTEGER PRIMARY KEY DESC`, which is no alias, gets one.
    if let ([index], TableKind::Table, true) = (key.as_slice(), kind, has_rowid) {
        let column: &mut Column = &mut columns[*index];
        if column.declared.eq_ignore_ascii_case("integer") {
            let indexed: bool = connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk')")?
                .query_row([table], |row| row.get(0))?;
            column.rowid_alias = !indexed;
            column.not_null |= column.rowid_alias;
        }
    }
    Ok(columns)
}
