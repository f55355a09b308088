//! Several databases with one schema: `[package.metadata.bindery.shards]`.
//!
//! A D1 database holds 10 GB. A set of databases holds more: each row is in the database that the
//! hash of a key selects.

use std::collections::{BTreeMap, BTreeSet};

use super::check::mismatch;
use super::kind::D1;
use super::node::{Node, Value};
use super::settings::{expect, text};
use super::table::Table;
use super::{Binding, BindingKind, Environment, Manifest, MergedBinding, is_rust_name};
use crate::report::{Code, Diagnostic, Errors, suggestion};
use crate::source::Spanned;

/// The table of the settings.
pub(super) const SHARDS: &str = "shards";

/// A set of databases with one schema.
#[derive(Debug, Clone)]
pub struct Shards {
    /// The bindings of the databases, at least one.
    pub members: Vec<Spanned<String>>,
    /// The bindings of the databases that rows are moved to, which are not members yet.
    pub joining: Vec<Spanned<String>>,
    /// The column of each table whose value selects the database of a row.
    pub key: Vec<(Spanned<String>, Spanned<String>)>,
    /// The tables that have the same rows in each database.
    pub reference_tables: Vec<Spanned<String>>,
}

impl Shards {
    /// Returns every database of the set.
    pub fn all(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.members.iter().chain(&self.joining)
    }

    /// Whether a binding belongs to the set.
    #[must_use]
    pub fn contains(&self, binding: &str) -> bool {
        self.all().any(|member| member.value == binding)
    }
}

/// Reads the sets, and merges the bindings of each into one with the name of the set.
pub(super) fn apply(errors: &mut Errors, table: &Table<'_>, manifest: &mut Manifest) {
    let mut owners: BTreeMap<String, Spanned<String>> = BTreeMap::new();

    for (name, node) in table.entries {
        let Some(shards) = read(errors, name, node, manifest, &mut owners) else {
            continue;
        };
        if !check_name(errors, name, &shards, manifest) {
            continue;
        }
        for environment in &manifest.environments {
            check_environment(errors, environment, &shards);
        }
        merge(manifest, name, shards);
    }
}

/// Reads one set: a list of bindings, or a table with more.
fn read(
    errors: &mut Errors,
    name: &Spanned<String>,
    node: &Node,
    manifest: &Manifest,
    owners: &mut BTreeMap<String, Spanned<String>>,
) -> Option<Shards> {
    const KEYS: [&str; 4] = ["joining", "key", "members", "reference-tables"];
    let mut shards = Shards {
        members: Vec::new(),
        joining: Vec::new(),
        key: Vec::new(),
        reference_tables: Vec::new(),
    };

    let before = errors.count();
    if let Value::Array(_) = node.value {
        shards.members = names(errors, node, &name.value);
    } else {
        let Some(table) = Table::new(node, name.value.as_str()) else {
            let place = format!("`{}`", name.value);
            let expected = "a list of databases, or a table";
            errors.push(mismatch(&place, expected, &node.value, node.span));
            return None;
        };
        for (key, _) in table.entries {
            if !KEYS.contains(&key.value.as_str()) {
                let message = format!("unknown key `{}`", key.value);
                errors.push(
                    Diagnostic::new(Code::UnknownKey, message, key.span)
                        .label("not a setting of a set of shards")
                        .help(suggestion(&key.value, "settings", &KEYS)),
                );
            }
        }
        let list = |errors: &mut Errors, key: &str| {
            table
                .get(key)
                .map_or_else(Vec::new, |node| names(errors, node, key))
        };
        shards.members = list(errors, "members");
        shards.joining = list(errors, "joining");
        shards.reference_tables = list(errors, "reference-tables");
        if let Some(key) = table
            .get("key")
            .and_then(|node| expect(errors, node, "key"))
        {
            for (table, _) in key.entries {
                let column = text(errors, &key, &table.value);
                shards
                    .key
                    .extend(column.map(|column| (table.clone(), column)));
            }
        }
    }

    let named = shards.members.len();
    let is_read = errors.count() == before;
    for list in [&mut shards.members, &mut shards.joining] {
        list.retain(|member| check_member(errors, member, manifest, owners));
    }
    // Otherwise the cause is reported.
    if named == 0 && is_read {
        let message = format!("the set of shards `{}` has no database", name.value);
        errors.push(
            Diagnostic::new(Code::Shards, message, node.span)
                .label("no binding of a D1 database")
                .help(format!(
                    "{} = [\"{}\"]",
                    name.value,
                    free_database(manifest, owners)
                )),
        );
    }
    if !shards.joining.is_empty() && shards.key.is_empty() && is_read {
        let message = format!("the rows of `{}` cannot be moved without a key", name.value);
        errors.push(
            Diagnostic::new(Code::Shards, message, shards.joining[0].span)
                .label("rows are moved to this database")
                .help(
                    "add `key`, with the column of each table that selects the database of a row",
                ),
        );
    }
    (!shards.members.is_empty()).then_some(shards)
}

/// The names in a list.
fn names(errors: &mut Errors, node: &Node, key: &str) -> Vec<Spanned<String>> {
    let Value::Array(items) = &node.value else {
        let place = format!("`{key}`");
        errors.push(mismatch(&place, "a list of names", &node.value, node.span));
        return Vec::new();
    };

    let mut names = Vec::new();
    for item in items {
        match &item.value {
            Value::String(name) => names.push(Spanned {
                value: name.clone(),
                span: item.span,
            }),
            other => {
                let place = format!("an item of `{key}`");
                errors.push(mismatch(&place, "a name", other, item.span));
            }
        }
    }
    names
}

/// Checks that a member is a database, and belongs to one set only.
fn check_member(
    errors: &mut Errors,
    member: &Spanned<String>,
    manifest: &Manifest,
    owners: &mut BTreeMap<String, Spanned<String>>,
) -> bool {
    let name = member.value.as_str();
    if let Some(first) = owners.get(name) {
        errors.push(
            Diagnostic::new(
                Code::Shards,
                format!("the database `{name}` is in a set of shards twice"),
                member.span,
            )
            .label("again")
            .also(first.span, "here")
            .help("remove one of them"),
        );
        return false;
    }

    let bindings = || manifest.environments.iter().flat_map(|own| &own.bindings);
    let mut found = bindings().filter(|binding| binding.name.value == name);
    let (message, label) = match found.next() {
        Some(binding) if binding.resource.kind == BindingKind::D1Database => {
            owners.insert(name.to_owned(), member.clone());
            return true;
        }
        Some(_) => (
            format!("`{name}` is not a D1 database"),
            "a shard is a D1 database",
        ),
        None => (
            format!("the manifest has no database `{name}`"),
            "expected the binding of a D1 database",
        ),
    };
    let databases = bindings().filter(|binding| binding.resource.d1().is_some());
    let databases = databases.filter(|binding| !owners.contains_key(&binding.name.value));
    let databases: BTreeSet<&str> = databases
        .map(|binding| binding.name.value.as_str())
        .collect();
    let databases: Vec<&str> = databases.into_iter().collect();
    errors.push(
        Diagnostic::new(Code::Shards, message, member.span)
            .label(label)
            .help(suggestion(name, "databases", &databases)),
    );
    false
}

/// Checks that nothing else has the name of a set.
fn check_name(
    errors: &mut Errors,
    name: &Spanned<String>,
    shards: &Shards,
    manifest: &Manifest,
) -> bool {
    if !is_rust_name(&name.value) {
        let message = format!("`{}` is not a valid name in Rust", name.value);
        errors.push(
            Diagnostic::new(Code::BindingName, message, name.span)
                .label("letters, digits and `_`, no digit at the start"),
        );
        return false;
    }

    let bindings = manifest.merged.bindings.iter();
    let mut others = bindings.filter(|binding| !shards.contains(&binding.name.value));
    let Some(other) = others.find(|binding| binding.name.value == name.value) else {
        return true;
    };
    let message = format!("a binding and a set of shards are named `{}`", name.value);
    errors.push(
        Diagnostic::new(Code::DuplicateBinding, message, name.span)
            .label("the set")
            .also(other.name.span, "the binding")
            .help(match other.resource.kind {
                BindingKind::D1Database => "rename the set, or add the database to it",
                _ => "rename one of them",
            }),
    );
    false
}

/// Checks that the databases of one environment are different databases with one schema.
fn check_environment(errors: &mut Errors, environment: &Environment, shards: &Shards) {
    let own = environment.bindings.iter();
    let own = own.filter(|binding| shards.contains(&binding.name.value));
    let own: Vec<(&Binding, &D1)> = own
        .filter_map(|binding| Some((binding, binding.resource.d1()?)))
        .collect();

    for (index, (binding, d1)) in own.iter().enumerate() {
        let name = &binding.name.value;
        if let Some((first, first_d1)) = own.first()
            && d1.schema_key() != first_d1.schema_key()
        {
            let message = format!(
                "`{name}` and `{}` have different migrations",
                first.name.value
            );
            errors.push(
                Diagnostic::new(Code::Shards, message, d1.migrations_dir.span)
                    .label("the databases of a set have one schema")
                    .also(first_d1.migrations_dir.span, "the first database")
                    .help(
                        "give both the same `migrations_dir`, `migrations_pattern` and \
                         `migrations_table`",
                    ),
            );
        }
        let before = own[..index].iter();
        let same = before.map(|(other, _)| other);
        if let Some(same) = same.into_iter().find(|other| is_same(other, binding)) {
            let message = format!("`{name}` and `{}` are the same database", same.name.value);
            errors.push(
                Diagnostic::new(Code::Shards, message, binding.name.span)
                    .label("the databases of a set are different databases")
                    .also(same.name.span, "the same `database_id` or `database_name`"),
            );
        }
    }
}

/// Whether two bindings of one environment are one database.
fn is_same(left: &Binding, right: &Binding) -> bool {
    ["database_id", "database_name"].iter().any(|key| {
        let value = |binding: &Binding| {
            let value = binding.resource.setting(key).map(str::to_owned);
            value.filter(|value| !value.is_empty())
        };
        value(left).is_some() && value(left) == value(right)
    })
}

/// Replaces the bindings of a set by one.
fn merge(manifest: &mut Manifest, name: &Spanned<String>, shards: Shards) {
    let lacks = |environment: &Environment| {
        let mut bindings = environment.bindings.iter();
        !bindings.any(|binding| shards.contains(&binding.name.value))
    };
    let optional = manifest.environments.iter().any(lacks);

    let bindings = &mut manifest.merged.bindings;
    let is_member = |binding: &MergedBinding| shards.contains(&binding.name.value);
    let Some(first) = bindings.iter().position(is_member) else {
        return;
    };
    let resource = bindings[first].resource.clone();
    let mut index = 0;
    bindings.retain(|binding| {
        index += 1;
        index - 1 == first || !is_member(binding)
    });
    bindings[first] = MergedBinding {
        name: name.clone(),
        resource,
        optional,
        shards: Some(shards),
    };
}

/// A database that belongs to no set so far.
fn free_database(manifest: &Manifest, owners: &BTreeMap<String, Spanned<String>>) -> String {
    let bindings = manifest.merged.bindings.iter();
    let mut databases = bindings.filter(|binding| binding.resource.d1().is_some());
    let free = databases.find(|binding| !owners.contains_key(&binding.name.value));
    free.map_or_else(|| "DB_0".to_owned(), |binding| binding.name.value.clone())
}
