//! The Durable Object classes that the platform knows, from the migrations or from `exports`.

use std::collections::BTreeSet;

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
        if created.contains(&class.value) {
            continue;
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

/// The classes that exist after every migration.
fn created(levels: &Levels<'_, '_>) -> BTreeSet<String> {
    let mut created: BTreeSet<String> = BTreeSet::new();
    let migrations = levels
        .level_of("migrations")
        .map(|level| level.tables("migrations"));
    for migration in migrations.unwrap_or_default() {
        for key in ["new_classes", "new_sqlite_classes"] {
            created.extend(migration.strings(key).into_iter().map(|class| class.value));
        }
        for key in ["renamed_classes", "transferred_classes"] {
            let classes = migration.tables(key);
            created.extend(classes.iter().filter_map(|class| class.text("to")));
        }
        for deleted in migration.strings("deleted_classes") {
            created.remove(&deleted.value);
        }
    }

    let exports = levels.table("exports");
    let exported = exports.iter().flat_map(|exports| exports.entries);
    created.extend(exported.map(|(class, _)| class.value.clone()));
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
