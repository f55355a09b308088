//! Assigns the Rust names.

use std::collections::{BTreeMap, HashSet};

use super::{Bound, Database, Project, rust_names};
use crate::manifest::Manifest;
use crate::names::Name;
use crate::report::Errors;

/// Assigns the Rust names of a project. Of two names that collide, the first is used.
pub fn lower(
    errors: &mut Errors,
    manifest: Manifest,
    mut databases: BTreeMap<String, Database>,
) -> Project {
    for environment in &manifest.environments {
        rust_names::check_duplicates(errors, environment);
    }
    rust_names::check(errors, &manifest);

    let reserved = RESERVED.iter().map(|(field, _)| (*field).to_owned());
    let mut fields: HashSet<String> = reserved.collect();
    let mut bindings: Vec<Bound> = Vec::new();
    for binding in &manifest.merged.bindings {
        let name = manifest.aliases.name(&binding.name.value);
        if !fields.insert(name.field.clone()) {
            continue;
        }
        bindings.push(Bound {
            database: databases.remove(&binding.name.value),
            resource: binding.resource.clone(),
            optional: binding.optional,
            shards: binding.shards.clone(),
            name,
        });
    }

    let vars = manifest.merged.vars.iter();
    let vars = vars.map(|var| (manifest.aliases.name(&var.name.value), var.clone()));
    let secrets = manifest.merged.secrets.iter();
    let secrets = secrets.map(|secret| {
        let name = manifest.aliases.name(&secret.name.value);
        (name, secret.optional)
    });
    Project {
        bindings,
        vars: first_of_each(vars),
        secrets: first_of_each(secrets),
        manifest,
    }
}

/// The first item of each field name.
fn first_of_each<T>(items: impl Iterator<Item = (Name, T)>) -> Vec<(Name, T)> {
    let mut fields: HashSet<String> = HashSet::new();
    items
        .filter(|(name, _)| fields.insert(name.field.clone()))
        .collect()
}

/// The fields of `Env` that are not bindings, and their types.
pub(super) const RESERVED: [(&str, &str); 2] = [("vars", "Vars"), ("secrets", "Secrets")];
