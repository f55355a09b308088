//! The Durable Object classes that the platform knows, from the migrations or from `exports`.

use std::collections::{BTreeMap, BTreeSet};

use super::environment::{Environment, Levels};
use super::kind::BindingKind;
use super::node::Value;
use crate::report::{Add, Append, Code, Diagnostic, Errors, Fix, Literal};
use crate::source::Spanned;

/// Checks that each Durable Object class of this worker is created by a migration or declared in
/// `exports`.
pub(super) fn check(errors: &mut Errors, levels: &Levels<'_, '_>, environment: &Environment) {
    let created = created(levels);
    let namespaces = environment
        .bindings
        .iter()
        .filter(|binding| binding.resource.kind == BindingKind::DurableObjectNamespace);

    for class in namespaces.filter_map(|binding| binding.resource.class()) {
        match created.get(&class.value) {
            Some(Storage::Sqlite) => continue,
            Some(Storage::KeyValue) => {
                errors.push(without_sqlite(class));
                continue;
            }
            None => {}
        }
        let message = format!(
            "no migration creates the Durable Object class `{}`",
            class.value
        );
        errors.push(
            Diagnostic::new(Code::ManifestField, message, class.span)
                .label("the platform rejects a class that no migration creates")
                .fix(create(levels, class))
                .warning(),
        );
    }
}

/// The storage of a class.
#[derive(Debug, Clone, Copy)]
enum Storage {
    Sqlite,
    KeyValue,
}

/// Warns of a class whose objects have no SQLite storage, which would only fail on Workers.
fn without_sqlite(class: &Spanned<String>) -> Diagnostic {
    let message = format!(
        "the Durable Object class `{}` has no SQLite storage",
        class.value
    );
    Diagnostic::new(Code::ManifestField, message, class.span)
        .label("values by key, tables and transactions of its objects fail on Workers")
        .help(
            "name it in `new_sqlite_classes` instead of `new_classes`; a class that was deployed \
             keeps its storage, so create another one",
        )
        .warning()
}

/// The classes that exist after every migration.
fn created(levels: &Levels<'_, '_>) -> BTreeMap<String, Storage> {
    let mut created: BTreeMap<String, Storage> = BTreeMap::new();
    let migrations = levels
        .level_of("migrations")
        .map(|level| level.tables("migrations"));
    for migration in migrations.unwrap_or_default() {
        for (key, storage) in [
            ("new_classes", Storage::KeyValue),
            ("new_sqlite_classes", Storage::Sqlite),
        ] {
            let classes = migration.strings(key).into_iter();
            created.extend(classes.map(|class| (class.value, storage)));
        }
        for class in migration.tables("renamed_classes") {
            let from = class.text("from").and_then(|from| created.remove(&from));
            let storage = from.unwrap_or(Storage::Sqlite);
            created.extend(class.text("to").map(|to| (to, storage)));
        }
        // The storage of a class of another worker is not known here.
        for class in migration.tables("transferred_classes") {
            created.extend(class.text("to").map(|to| (to, Storage::Sqlite)));
        }
        for deleted in migration.strings("deleted_classes") {
            created.remove(&deleted.value);
        }
    }

    let exports = levels.table("exports");
    if let Some(exports) = exports {
        created.extend(exports.entries.iter().map(|(class, _)| {
            let entry = exports.table(&class.value);
            let storage = entry.and_then(|entry| entry.text("storage"));
            let storage = match storage.as_deref() {
                Some("legacy-kv") => Storage::KeyValue,
                _ => Storage::Sqlite,
            };
            (class.value.clone(), storage)
        }));
    }
    created
}

/// The fix that creates a class: a new migration, or an entry of `exports` if the manifest has that
/// table. wrangler does not allow both.
fn create(levels: &Levels<'_, '_>, class: &Spanned<String>) -> Option<Fix> {
    let text = |text: &str| Literal::Text(text.to_owned());
    if let Some(exports) = levels.table("exports") {
        let mut path = levels.path_of("exports");
        path.push("exports".to_owned());
        return Some(Fix::Add(Add {
            table: exports.span,
            path: Some(path),
            key: class.value.clone(),
            value: Literal::Table(vec![
                ("type".to_owned(), text("durable-object")),
                ("storage".to_owned(), text("sqlite")),
            ]),
        }));
    }

    let level = levels.level_of("migrations")?;
    let classes = Literal::List(vec![text(&class.value)]);
    let migration = Literal::Table(vec![
        ("tag".to_owned(), Literal::Text(unused_tag(levels))),
        ("new_sqlite_classes".to_owned(), classes),
    ]);
    let mut path = levels.path_of("migrations");
    let Some(node) = level.get("migrations") else {
        return Some(Fix::Add(Add {
            table: level.span,
            path: Some(path),
            key: "migrations".to_owned(),
            value: Literal::List(vec![migration]),
        }));
    };

    let Value::Array(items) = &node.value else {
        return None;
    };
    path.push("migrations".to_owned());
    Some(Fix::Append(Append {
        list: node.span,
        last: items.last().map(|item| item.span),
        path,
        item: migration,
    }))
}

/// A tag that no migration has: `v1`, or the number after those that exist.
fn unused_tag(levels: &Levels<'_, '_>) -> String {
    let level = levels.level_of("migrations");
    let migrations = level.map(|level| level.tables("migrations"));
    let migrations = migrations.unwrap_or_default();
    let tags: BTreeSet<String> = migrations
        .iter()
        .filter_map(|migration| migration.text("tag"))
        .collect();

    let numbered = (migrations.len() + 1..).map(|number| format!("v{number}"));
    numbered
        .into_iter()
        .find(|tag| !tags.contains(tag))
        .unwrap_or_default()
}
