//! The cache of databases that were built from migrations.

use std::collections::HashMap;

use bindery_sqlite::Database;

use crate::cache::{self, CacheKey, Encode};
use crate::source::Sources;

use super::Inputs;

/// A cached database, and the original positions of the tables that were rebuilt.
pub(super) struct Cached {
    pub(super) database: Database,
    pub(super) places: HashMap<String, i64>,
}

/// Returns a hash of everything that a schema depends on.
pub(super) fn key(sources: &Sources, migrations_table: &str, inputs: &Inputs) -> String {
    let mut hash = CacheKey::new();
    hash.add(migrations_table);
    hash.add(if inputs.nullable_keys { "nullable" } else { "" });
    hash.add(inputs.baseline.map_or("", |file| &sources.file(file).text));
    for file in &super::apply::in_order(inputs) {
        hash.add(&file.value);
        hash.add(&sources.file(file.span.file).text);
    }
    hash.name()
}

/// Loads a database, or returns `None` if it is missing or damaged.
pub(super) fn load(sources: &Sources, key: &str) -> Option<Cached> {
    let bytes = cache::load(sources, &name(key))?;
    let mut rest = bytes.as_slice();
    let places = Vec::<(String, i64)>::decode(&mut rest)?
        .into_iter()
        .collect();
    Some(Cached {
        database: Database::from_bytes(rest).ok()?,
        places,
    })
}

/// Saves a database. A failure only means that the next run builds it again.
pub(super) fn save(
    sources: &Sources,
    key: &str,
    database: &mut Database,
    places: &HashMap<String, i64>,
) {
    let Ok(database) = database.to_bytes() else {
        return;
    };

    let mut sorted: Vec<(String, i64)> = places
        .iter()
        .map(|(name, place)| (name.clone(), *place))
        .collect();
    sorted.sort();

    let mut bytes = Vec::new();
    sorted.encode(&mut bytes);
    // A schema has megabytes, so the copy is allocated once: the checksum follows it.
    bytes.reserve_exact(database.len() + cache::CHECKSUM);
    bytes.extend_from_slice(&database);
    drop(database);
    cache::save(sources, &name(key), bytes);
}

fn name(key: &str) -> String {
    format!("schema-{key}")
}
