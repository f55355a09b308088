//! Foreign keys that rows of other keys can have.

use super::marks::{self, is_of_keys};
use super::mover::query;
use crate::d1::backup::quoted;
use crate::d1::{D1, DecodeError, FromRow, NamedRow, Row};
use crate::error::Result;

/// Returns statements that fail if rows that do not move refer to rows of the keys `?1`, which is a
/// JSON array. Deleting those would delete or change them, or fail.
pub(super) async fn checks(database: &D1, key: &[(&str, &str)]) -> Result<Vec<String>> {
    // D1 does not allow pragmas on its own tables.
    let sql = "SELECT child.name AS child, foreign_key.id AS id, foreign_key.\"table\" AS parent, \
               foreign_key.\"from\" AS column_of_child, coalesce(foreign_key.\"to\", (SELECT name \
               FROM pragma_table_info(foreign_key.\"table\") WHERE pk = foreign_key.seq + 1)) AS \
               column_of_parent FROM pragma_table_list AS child, \
               pragma_foreign_key_list(child.name) AS foreign_key WHERE child.schema = 'main' AND \
               child.type = 'table' AND substr(child.name, 1, 4) <> '_cf_' ORDER BY child, id";
    let columns = query(database, sql).all::<Column>().await?;

    let mut checks = Vec::new();
    for columns in columns.chunk_by(|a, b| (&a.child, a.id) == (&b.child, b.id)) {
        let Column { child, parent, .. } = &columns[0];
        let key_of = |table: &str| {
            let mut tables = key.iter();
            let found = tables.find(|(known, _)| known.eq_ignore_ascii_case(table));
            found.map(|(_, column)| *column)
        };
        let Some(key_of_parent) = key_of(parent) else {
            continue;
        };
        let key_of_child = key_of(child);

        // Rows with an equal key move together.
        let is_same_key = |column: &Column| {
            column.in_parent.eq_ignore_ascii_case(key_of_parent)
                && key_of_child.is_some_and(|key| column.in_child.eq_ignore_ascii_case(key))
        };
        if columns.iter().any(is_same_key) {
            continue;
        }
        checks.push(check(columns, key_of_parent, key_of_child));
    }
    Ok(checks)
}

fn check(columns: &[Column], key_of_parent: &str, key_of_child: Option<&str>) -> String {
    let Column { child, parent, .. } = &columns[0];
    let pairs = columns.iter().map(|column| {
        let (child, parent) = (quoted(&column.in_child), quoted(&column.in_parent));
        format!("child.{child} = parent.{parent}")
    });
    let pairs = pairs.collect::<Vec<_>>().join(" AND ");

    let stays = key_of_child.map_or_else(String::new, |key| {
        let (key, is_of_keys) = (quoted(key), is_of_keys(key));
        format!(" AND (child.{key} IS NULL OR NOT child.{is_of_keys})")
    });
    let refers = format!(
        "NOT EXISTS (SELECT 1 FROM {} AS child JOIN {} AS parent ON {pairs} WHERE parent.{}{stays})",
        quoted(child),
        quoted(parent),
        is_of_keys(key_of_parent),
    );
    let problem = format!("a row of another key in `{child}` refers to `{parent}`");
    marks::check(&refers, &problem)
}

/// A column of a foreign key.
struct Column {
    child: String,
    id: i64,
    parent: String,
    in_child: String,
    in_parent: String,
}

impl FromRow for Column {
    fn from_row(row: &mut Row<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            child: row.take(0)?,
            id: row.take(1)?,
            parent: row.take(2)?,
            in_child: row.take(3)?,
            in_parent: row.take(4)?,
        })
    }
}

impl NamedRow for Column {
    const COLUMNS: &'static [&'static str] = &[
        "child",
        "id",
        "parent",
        "column_of_child",
        "column_of_parent",
    ];
}
