//! Brings a database to the last migration.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bindery_sqlite::{Database, migrations};

use crate::app::{Content, Resource};

use super::super::bindings::Opened;
use super::super::pool::lock;

/// Opens a database in memory with all migrations of a binding. The migrations run once in a
/// process: its tests use copies of the result.
pub(super) fn migrated_in_memory(resource: &Resource) -> Opened<Database> {
    static TEMPLATES: Mutex<BTreeMap<TemplateKey, Arc<[u8]>>> = Mutex::new(BTreeMap::new());

    let key = template_key(resource);
    let template = key.and_then(|key| lock(&TEMPLATES).get(&key).cloned());
    if let Some(template) = template {
        return Ok(Database::from_bytes(&template)?);
    }

    let mut database = Database::in_memory()?;
    migrate(&database, resource)?;
    if let Some(key) = key {
        lock(&TEMPLATES).insert(key, database.to_bytes()?.into());
    }
    Ok(database)
}

/// The addresses of the texts that a database is created from. They are constants of the program.
type TemplateKey = (usize, usize, usize);

fn template_key(resource: &Resource) -> Option<TemplateKey> {
    let Content::Database {
        migrations_table,
        baseline,
        migrations,
    } = resource.content
    else {
        return None;
    };
    let address = |text: &str| text.as_ptr() as usize;
    let key = (
        address(migrations_table),
        address(baseline),
        migrations.as_ptr() as usize,
    );
    // Empty slices can have the address of another constant.
    (!migrations.is_empty()).then_some(key)
}

/// Brings a database to the last migration of a binding.
pub(super) fn migrate(database: &Database, resource: &Resource) -> Opened<()> {
    let Content::Database {
        migrations_table,
        baseline,
        migrations,
    } = resource.content
    else {
        return Ok(());
    };
    create_baseline(database, baseline)?;
    apply_pending(database, migrations_table, migrations)
}

/// Creates the schema that existed before the first migration, in a new database.
fn create_baseline(database: &Database, baseline: &str) -> Opened<()> {
    let is_new = database.trusted(|connection| {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)";
        connection.query_row(sql, [], |row| row.get::<_, bool>(0))
    })?;
    if !is_new || baseline.is_empty() {
        return Ok(());
    }

    database.transaction(|_| match migrations::baseline(database, baseline).first() {
        Some(failure) => Err(format!("the schema cannot be created: {}", failure.message).into()),
        None => Ok(()),
    })
}

/// Applies the migrations that the migrations table does not list.
fn apply_pending(database: &Database, table: &str, files: &[(&str, &str)]) -> Opened<()> {
    let applied = migrations::applied(database, table)?;
    let is_pending = |name: &str| !applied.iter().any(|known| known == name);

    for (name, sql) in files.iter().filter(|(name, _)| is_pending(name)) {
        let migration = migrations::Migration { name, sql };
        migrations::apply(database, table, migration).map_err(|failure| {
            let before = sql.get(..failure.span.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            format!(
                "the migration `{name}` fails at line {line}: {}; no statement of this file was \
                 applied, all earlier migrations were",
                failure.message
            )
        })?;
    }
    Ok(())
}
