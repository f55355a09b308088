//! Views and triggers that are known to be intact.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::migrations::quote_name;
use crate::token::{self, Kind};

use super::name;

/// Views and triggers that are known not to refer to a missing table or column.
///
/// SQLite rejects every RENAME TO while one of them is broken. A table can be renamed without
/// SQLite's ALTER TABLE only if all of them are intact.
#[derive(Debug, Default)]
pub(super) struct IntactObjects {
    /// The CREATE statements of the views and triggers.
    statements: HashSet<String>,
    /// Objects that were dropped or altered since. Anything that names them must be checked again.
    disturbed: HashSet<String>,
    /// Whether a statement with unknown effects was run since.
    unsure: bool,
}

/// A view or a trigger.
struct SchemaObject {
    is_trigger: bool,
    name: String,
    /// The table of a trigger.
    table: String,
    sql: String,
}

impl IntactObjects {
    /// Records a statement that was run.
    pub(super) fn record(&mut self, statement: &str) {
        let starts_with = |word: &str| {
            statement
                .get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word))
        };

        if starts_with("drop") || starts_with("alter") {
            // DROP TABLE IF EXISTS main.name; ALTER TABLE name ...
            let tokens = token::tokenize(statement);
            let after_keywords = tokens
                .iter()
                .filter(|token| token.kind != Kind::Comment)
                .skip(2);
            let altered = after_keywords
                .filter_map(|token| name(statement, token))
                .find(|name| !["if", "exists", "main"].contains(&name.as_str()));
            self.disturbed.extend(altered);
            return;
        }

        let is_harmless = ["create", "insert", "update", "delete", "pragma", "select"]
            .iter()
            .any(|word| starts_with(word));
        if !is_harmless {
            self.unsure = true;
        }
    }

    /// Reports whether a table can be renamed without SQLite's ALTER TABLE: no view or trigger is
    /// broken, and none names the table.
    pub(super) fn allow_rename(
        &mut self,
        connection: &Connection,
        table: &str,
        renamed: &str,
    ) -> rusqlite::Result<bool> {
        let objects = views_and_triggers(connection)?;

        if self.unsure {
            // SQLite's ALTER TABLE is about to check all of them.
            *self = Self {
                statements: objects.into_iter().map(|object| object.sql).collect(),
                ..Self::default()
            };
            return Ok(false);
        }

        self.forget_disturbed(&objects);
        for object in objects {
            if object.mentions(|name| name == table || name == renamed) {
                return Ok(false);
            }
            if self.statements.contains(&object.sql) {
                continue;
            }
            if !object.is_intact(connection)? {
                return Ok(false);
            }
            self.statements.insert(object.sql);
        }
        Ok(true)
    }

    /// Removes everything that names a disturbed object, directly or through another view.
    fn forget_disturbed(&mut self, objects: &[SchemaObject]) {
        while let Some(object) = objects.iter().find(|object| {
            self.statements.contains(&object.sql)
                && object.mentions(|name| self.disturbed.contains(name))
        }) {
            self.statements.remove(&object.sql);
            self.disturbed.insert(object.name.to_ascii_lowercase());
        }
        self.disturbed.clear();
    }
}

impl SchemaObject {
    /// Reports whether the CREATE statement contains a name that `wanted` accepts.
    fn mentions(&self, wanted: impl Fn(&str) -> bool) -> bool {
        token::tokenize(&self.sql)
            .iter()
            .filter_map(|token| name(&self.sql, token))
            .any(|name| wanted(&name))
    }

    /// Reports whether SQLite can prepare a query of the view, or a write that fires the trigger.
    fn is_intact(&self, connection: &Connection) -> rusqlite::Result<bool> {
        if self.is_trigger {
            return can_fire_triggers(connection, &self.table);
        }
        let select = format!("SELECT 1 FROM {}", quote_name(&self.name));
        Ok(connection.prepare(&select).is_ok())
    }
}

fn views_and_triggers(connection: &Connection) -> rusqlite::Result<Vec<SchemaObject>> {
    let mut statement = connection.prepare_cached(
        "SELECT type = 'trigger', name, tbl_name, sql FROM sqlite_schema
         WHERE type IN ('view', 'trigger')",
    )?;
    let objects = statement.query_map([], |row| {
        Ok(SchemaObject {
            is_trigger: row.get(0)?,
            name: row.get(1)?,
            table: row.get(2)?,
            sql: row.get(3)?,
        })
    })?;
    objects.collect()
}

/// Reports whether SQLite can prepare every write that fires a trigger of the table.
fn can_fire_triggers(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let table = quote_name(table);
    let mut statement =
        connection.prepare_cached("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
    let names = statement.query_map([&table[1..table.len() - 1]], |row| row.get::<_, String>(0))?;

    let mut assignments = Vec::new();
    for name in names {
        let column = quote_name(&name?);
        assignments.push(format!("{column} = {column}"));
    }

    let writes = [
        format!("INSERT INTO {table} DEFAULT VALUES"),
        format!("UPDATE {table} SET {}", assignments.join(", ")),
        format!("DELETE FROM {table}"),
    ];
    Ok(writes.iter().all(|write| connection.prepare(write).is_ok()))
}
