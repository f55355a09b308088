//! The database that migrations made, kept between two runs of the compiler.

use std::collections::HashMap;

use bindery_sqlite::Database;

use crate::cache::{self, Encode, Sum};
use crate::source::Sources;

use super::Inputs;

/// A database as it was made, and the places of tables that were made anew.
pub(super) struct Made {
    pub(super) database: Database,
    pub(super) places: HashMap<String, i64>,
}

/// The name under which a schema is kept: a sum of all that makes it.
pub(super) fn key(sources: &Sources, ledger: &str, inputs: &Inputs) -> String {
    let mut sum = Sum::new();
    sum.add(ledger);
    sum.add(inputs.baseline.map_or("", |file| &sources.file(file).text));
    for file in &super::in_order(inputs) {
        sum.add(&file.value);
        sum.add(&sources.file(file.span.file).text);
    }
    sum.name()
}

pub(super) fn load(sources: &Sources, key: &str) -> Option<Made> {
    let bytes = cache::load(sources, &name(key))?;
    let mut rest = bytes.as_slice();
    let places = Vec::<(String, i64)>::take(&mut rest)?.into_iter().collect();
    Some(Made {
        database: Database::from_bytes(rest).ok()?,
        places,
    })
}

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
    let mut bytes = Vec::with_capacity(database.len());
    sorted.put(&mut bytes);
    bytes.extend(database);
    cache::save(sources, &name(key), bytes);
}

fn name(key: &str) -> String {
    format!("schema-{key}")
}
