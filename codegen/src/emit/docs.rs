//! The docs of `Env` and its fields.

use super::Target;
use crate::manifest::BindingKind;
use crate::manifest::kind::Native;
use crate::model::{Bound, Database, Project};
use crate::schema::Table;

/// The docs of a field: its resource, its native behavior and its tables.
pub(super) fn binding(bound: &Bound) -> String {
    let definition = bound.resource.kind.definition();
    let mut docs = match &bound.shards {
        Some(_) => format!("The D1 databases {}, as one set of shards.", sources(bound)),
        None => (definition.hooks.docs)(&bound.name.source, &bound.resource),
    };
    describe(&mut docs, bound);
    if bound.shards.is_none() && bound.resource.d1().is_some() {
        docs.push_str(&tables(bound));
    }
    docs
}

/// The docs of the type of each database of a set.
pub(super) fn shard(bound: &Bound) -> String {
    let name = &bound.name.source;
    let mut docs = format!("A database of the set `{name}`: one of {}.", sources(bound));
    docs.push_str(&tables(bound));
    docs
}

/// The bindings of a set.
fn sources(bound: &Bound) -> String {
    let names: Vec<String> = bound.sources().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Adds the migrations, the environments without it, and the native behavior.
fn describe(docs: &mut String, bound: &Bound) {
    let definition = bound.resource.kind.definition();
    if let (Some(d1), Some(database)) = (bound.resource.database(), &bound.database) {
        let whose = match bound.resource.class() {
            Some(_) => "The schema of each object",
            None => "Its schema",
        };
        docs.push_str(&migrations(whose, database, &d1.migrations_dir.value));
    }
    if bound.optional {
        docs.push_str("\n\n`None` in environments that do not have it.");
    }
    let native = match bound.resource.kind {
        BindingKind::DurableObjectNamespace | BindingKind::Workflow => match bound.resource.class()
        {
            Some(_) => Native::Full,
            // Only the other worker has the class.
            None => Native::Unsupported,
        },
        _ => definition.native,
    };
    match native {
        Native::Full => {}
        Native::Simulated(how) => docs.push_str(&format!("\n\nThe native backend {how}.")),
        Native::Unsupported => {
            docs.push_str("\n\nThe native backend does not support it: each call is an error.");
        }
    }
}

fn migrations(whose: &str, database: &Database, folder: &str) -> String {
    match database.catalog.migrations.len() {
        1 => format!(" {whose} is 1 migration in `{folder}`."),
        count => format!(" {whose} is {count} migrations in `{folder}`."),
    }
}

pub(super) fn tables(bound: &Bound) -> String {
    let Some(database) = &bound.database else {
        return String::new();
    };
    let tables = database.catalog.tables.iter();
    let tables = tables.filter(|table| !table.name.starts_with("sqlite_"));
    let lines: Vec<String> = tables.map(table).collect();
    if lines.is_empty() {
        String::new()
    } else {
        format!("\n\n# Tables\n\n{}", lines.join("\n"))
    }
}

fn table(table: &Table) -> String {
    let visible = table.columns.iter().filter(|column| !column.hidden);
    let columns = visible.map(|column| {
        let declared = match column.declared.as_str() {
            "" => String::new(),
            declared => format!(" {declared}"),
        };
        let not_null = if column.not_null { " NOT NULL" } else { "" };
        format!("`{}`{declared}{not_null}", column.name)
    });
    let columns: Vec<String> = columns.collect();
    format!("- `{}`: {}", table.name, columns.join(", "))
}

/// The docs of `Env` that follow the user's own.
pub(super) fn environment(project: &Project, target: &Target) -> String {
    let manifest = &project.manifest;
    let worker = manifest
        .name
        .as_ref()
        .map(|name| format!(" of the worker `{name}`"));
    let worker = worker.unwrap_or_default();
    let mut docs = format!("\nGenerated from `{}`{worker}.", target.manifest_name);

    let merged = &manifest.merged;
    if merged.consumers.is_empty() && merged.crons.is_empty() {
        return docs;
    }
    docs.push_str("\n\n# Handlers\n");
    for consumer in &merged.consumers {
        docs.push_str(&format!(
            "\n- consumes the queue `{}`: batches of at most {}, {} retries",
            consumer.queue.value, consumer.max_batch_size, consumer.max_retries
        ));
    }
    for cron in &merged.crons {
        docs.push_str(&format!("\n- runs at `{}`", cron.value));
    }
    docs
}
