//! Reads the schema back from SQLite.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bindery_sqlite::Database;
use bindery_sqlite::rusqlite::{self, Connection};
use bindery_sqlite::token::{Kind, tokenize};

use crate::syntax;

use super::{Checked, Column, Index, Table, TableKind, TextEnum};

/// Reads every table and view except SQLite's own and the migrations table.
pub(super) fn tables(
    database: &Database,
    migrations_table: &str,
    places: &HashMap<String, i64>,
) -> rusqlite::Result<(Vec<Table>, Vec<TextEnum>)> {
    database.trusted(|connection| {
        let broken = take_broken_views(connection)?;
        let with_triggers = tables_with_triggers(connection)?;
        let mut listed = list_tables(connection)?;
        // A rebuilt table keeps its original position.
        listed.sort_by_key(|table| {
            let place = places.get(&table.name.to_ascii_lowercase()).copied();
            place.or(table.place)
        });

        let mut tables = Vec::new();
        let mut text_enums = Vec::new();
        for table in listed {
            let is_readable = ["sqlite_schema", "sqlite_sequence"].contains(&table.name.as_str());
            if table.name == migrations_table || (table.name.starts_with("sqlite_") && !is_readable)
            {
                continue;
            }
            let has_triggers = with_triggers.contains(&table.name.to_ascii_lowercase());
            tables.push(read_table(
                connection,
                table,
                has_triggers,
                &mut text_enums,
            )?);
        }

        tables.extend(broken.into_iter().map(|(name, sql)| Table {
            name,
            kind: TableKind::View(sql),
            has_rowid: false,
            has_triggers: false,
            columns: Vec::new(),
            indexes: Vec::new(),
        }));
        Ok((tables, text_enums))
    })
}

/// A row of `pragma_table_list`.
struct ListedTable {
    name: String,
    kind: String,
    without_rowid: bool,
    strict: bool,
    /// The CREATE statement.
    sql: String,
    /// The rowid in `sqlite_schema`.
    place: Option<i64>,
}

fn list_tables(connection: &Connection) -> rusqlite::Result<Vec<ListedTable>> {
    let mut statement = connection.prepare(
        "SELECT list.name, list.type, list.wr, list.strict, master.sql, master.rowid
         FROM pragma_table_list AS list LEFT JOIN sqlite_schema AS master
           ON master.name = list.name AND master.type IN ('table', 'view')
         WHERE list.schema = 'main' AND list.type <> 'shadow'
         ORDER BY master.rowid, list.name",
    )?;
    let tables = statement.query_map([], |row| {
        Ok(ListedTable {
            name: row.get(0)?,
            kind: row.get(1)?,
            without_rowid: row.get(2)?,
            strict: row.get(3)?,
            sql: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
            place: row.get(5)?,
        })
    })?;

    tables.collect()
}

/// Returns the tables and views that have a trigger, in lower case.
fn tables_with_triggers(connection: &Connection) -> rusqlite::Result<HashSet<String>> {
    let mut statement =
        connection.prepare("SELECT lower(tbl_name) FROM sqlite_schema WHERE type = 'trigger'")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// Drops the views that cannot be queried, and returns their names and CREATE statements.
///
/// A migration may drop a table that a view reads. One such view would prevent SQLite from listing
/// the other tables.
fn take_broken_views(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement =
        connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'view'")?;
    let views: Vec<(String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;

    let mut broken = Vec::new();
    for (name, sql) in views {
        let select = format!("SELECT 1 FROM {}", quote_name(&name));
        if connection.prepare(&select).is_err() {
            broken.push((name, sql));
        }
    }

    for (name, _) in &broken {
        connection.execute_batch(&format!("DROP VIEW {}", quote_name(name)))?;
    }
    Ok(broken)
}

fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn read_table(
    connection: &Connection,
    listed: ListedTable,
    has_triggers: bool,
    text_enums: &mut Vec<TextEnum>,
) -> rusqlite::Result<Table> {
    let kind = match listed.kind.as_str() {
        "view" => TableKind::View(listed.sql),
        "virtual" => {
            let (module, arguments) = syntax::parse_virtual(&listed.sql).unwrap_or_default();
            TableKind::Virtual(module, arguments)
        }
        _ => return ordinary_table(connection, listed, has_triggers, text_enums),
    };
    let has_rowid = !matches!(kind, TableKind::View(_)) && !listed.without_rowid;
    let columns = columns(connection, &listed.name, listed.strict)?;

    Ok(Table {
        name: listed.name,
        kind,
        has_rowid,
        has_triggers,
        columns,
        indexes: Vec::new(),
    })
}

fn ordinary_table(
    connection: &Connection,
    listed: ListedTable,
    has_triggers: bool,
    text_enums: &mut Vec<TextEnum>,
) -> rusqlite::Result<Table> {
    let ListedTable { name, sql, .. } = listed;
    let has_rowid = !listed.without_rowid;
    let mut columns = columns(connection, &name, listed.strict)?;
    let indexes = indexes(connection, &name)?;
    let definition = syntax::parse_table(&sql).unwrap_or_default();

    let text: Arc<str> = Arc::from(sql.as_str());
    for defined in definition.columns {
        let known = columns
            .iter_mut()
            .find(|column| defined.name.is(&column.name));
        let Some(column) = known else {
            continue;
        };
        if let Some(collation) = defined.collation {
            column.collation = collation.to_ascii_uppercase();
        }
        let generated = defined.generated.filter(|_| column.generated);
        column.computed = generated.map(|computed| (computed, Arc::clone(&text)));
        let default = defined.default;
        column.default = default.map(|default| (default, Arc::clone(&text)));
    }

    if has_rowid {
        mark_rowid_alias(&mut columns, &indexes);
    }
    super::check::apply(&name, &mut columns, &definition.checks, &sql, text_enums);
    Ok(Table {
        name,
        kind: TableKind::Table,
        has_rowid,
        has_triggers,
        columns,
        indexes,
    })
}

/// Marks the column that is an alias of the rowid, if there is one.
///
/// A single INTEGER key without an index is the rowid itself. `INTEGER PRIMARY KEY DESC` is not an
/// alias, and SQLite creates an index for it.
fn mark_rowid_alias(columns: &mut [Column], indexes: &[Index]) {
    let mut key = columns.iter_mut().filter(|column| column.in_key);
    if let (Some(column), None) = (key.next(), key.next())
        && column.declared.eq_ignore_ascii_case("integer")
        && indexes.iter().all(|index| !index.of_key)
    {
        column.rowid_alias = true;
        column.not_null = true;
    }
}

fn columns(connection: &Connection, table: &str, strict: bool) -> rusqlite::Result<Vec<Column>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1)",
    )?;
    let mut rows = statement.query([table])?;

    let mut columns = Vec::new();
    while let Some(row) = rows.next()? {
        let declared: String = row.get(1)?;
        let default: Option<String> = row.get(3)?;
        let hidden: i64 = row.get(5)?;
        let counts_seconds = default
            .as_deref()
            .is_some_and(|default| is_number_by_default(connection, &declared, default));
        columns.push(Column {
            name: row.get(0)?,
            counts_seconds,
            declared,
            not_null: row.get(2)?,
            has_default: default.is_some(),
            in_key: row.get::<_, i64>(4)? > 0,
            promised: false,
            rowid_alias: false,
            // 1 is a hidden column of a virtual table, 2 and 3 are generated columns.
            generated: hidden >= 2,
            hidden: hidden == 1,
            strict,
            collation: "BINARY".to_owned(),
            checked: Checked::Any,
            computed: None,
            default: None,
        });
    }
    Ok(columns)
}

/// Reports whether the default of a date column is a number: `DEFAULT (unixepoch())`.
fn is_number_by_default(connection: &Connection, declared: &str, default: &str) -> bool {
    if !super::is_date(declared) || default.eq_ignore_ascii_case("CURRENT_TIMESTAMP") {
        return false;
    }
    // The column's affinity converts a text of digits to a number.
    let sql = format!(
        "SELECT typeof(value) = 'integer' OR CAST(CAST(value AS INTEGER) AS TEXT) = value
         FROM (SELECT ({default}) AS value)"
    );
    connection
        .query_row(&sql, [], |row| row.get(0))
        .unwrap_or(false)
}

/// The conditions of a partial index, from its CREATE statement.
fn filter(sql: Option<String>) -> Vec<Vec<String>> {
    let Some(sql) = sql else {
        return Vec::new();
    };
    let tokens = canonical_tokens(&sql);
    let start = tokens.iter().position(|token| token == "where");
    let condition = &tokens[start.map_or(tokens.len(), |start| start + 1)..];
    let condition = without_parentheses(condition);
    let conditions = condition.split(|token| token == "and");
    conditions
        .map(|condition| without_parentheses(condition).to_vec())
        .collect()
}

/// Tokens without the parentheses around all of them.
pub(crate) fn without_parentheses(mut tokens: &[String]) -> &[String] {
    while let [open, inner @ .., close] = tokens
        && (open.as_str(), close.as_str()) == ("(", ")")
    {
        let mut depth = 0_i32;
        let closes_early = inner.iter().any(|token| {
            depth += i32::from(token == "(") - i32::from(token == ")");
            depth < 0
        });
        if closes_early {
            break;
        }
        tokens = inner;
    }
    tokens
}

/// The tokens of a text in lower case, with names without quotes. Texts that differ only in case
/// have the same tokens, except that strings keep theirs.
pub(crate) fn canonical_tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for token in tokenize(text) {
        let written = &text[token.span];
        match token.kind {
            Kind::Comment => {}
            Kind::Quoted => {
                let name = written.trim_matches(['"', '`', '[', ']']);
                tokens.push(name.to_ascii_lowercase());
            }
            Kind::String => tokens.push(written.to_owned()),
            _ => tokens.push(written.to_ascii_lowercase()),
        }
    }
    tokens
}

fn indexes(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Index>> {
    let mut statement = connection.prepare_cached(
        "SELECT list.name, list.\"unique\",
                CASE WHEN list.partial
                     THEN (SELECT sql FROM sqlite_schema WHERE name = list.name) END,
                list.origin = 'pk', part.cid, part.coll
         FROM pragma_index_list(?1) AS list, pragma_index_xinfo(list.name) AS part
         WHERE part.key ORDER BY list.seq, part.seqno",
    )?;
    let mut rows = statement.query([table])?;

    let mut indexes: Vec<Index> = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if indexes.last().is_none_or(|last| last.name != name) {
            indexes.push(Index {
                name,
                unique: row.get(1)?,
                filter: filter(row.get(2)?),
                of_key: row.get(3)?,
                columns: Vec::new(),
            });
        }

        let column = usize::try_from(row.get::<_, i64>(4)?).ok();
        let collation: Option<String> = row.get(5)?;
        let collation = collation.unwrap_or_default().to_ascii_uppercase();
        if let Some(index) = indexes.last_mut() {
            index.columns.push((column, collation));
        }
    }
    Ok(indexes)
}
