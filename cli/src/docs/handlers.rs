//! The section of the handlers, which come from the `handlers!` in the source code of the crate.

use std::fs;
use std::path::Path;

use bindery_codegen::handlers::Handlers;
use bindery_codegen::manifest::{BindingKind, Consumer};
use bindery_codegen::model::Project;
use syn::Item;

use super::page::{Section, code};
use super::yes_or_no;

/// The handlers of requests, queues, crons and Durable Objects. `None` if there are none.
pub(super) fn section(project: &Project, handlers: Option<&Handlers>) -> Option<Section> {
    let manifest = &project.manifest;
    let mut section = Section::new("handlers", "Handlers");

    if let Some(fetch) = handlers.and_then(|handlers| handlers.fetch.as_ref()) {
        section.text(format!("{} handles requests.", code(&path_text(fetch))));
    }

    let queues = manifest.merged.consumers.iter();
    section.table(
        &[
            "queue",
            "handler",
            "batch size",
            "batch timeout",
            "retries",
            "dead letter queue",
        ],
        queues.map(|consumer| queue(consumer, handlers)).collect(),
    );

    let crons = manifest.merged.crons.iter();
    section.table(
        &["cron", "handler"],
        crons
            .map(|cron| row_of_cron(&cron.value, handlers))
            .collect(),
    );

    let classes = manifest.classes(BindingKind::DurableObjectNamespace);
    let rows = classes.map(|class| {
        let exports = |handlers: &Handlers| {
            let mut classes = handlers.durable_objects.iter();
            classes.any(|path| {
                let name = path.segments.last();
                name.is_some_and(|name| name.ident == class.value)
            })
        };
        vec![code(&class.value), yes_or_no(handlers.is_some_and(exports))]
    });
    section.table(&["Durable Object class", "exported"], rows.collect());

    (!section.blocks.is_empty()).then_some(section)
}

fn none() -> String {
    "none".to_owned()
}

fn row_of_cron(cron: &str, handlers: Option<&Handlers>) -> Vec<String> {
    let handler = handlers.and_then(|handlers| {
        let mut schedules = handlers.schedules.iter();
        schedules.find(|(text, _)| text.value() == cron)
    });
    let handler = handler.map_or_else(none, |(_, path)| code(&path_text(path)));
    vec![code(cron), handler]
}

/// The row of a consumed queue.
fn queue(consumer: &Consumer, handlers: Option<&Handlers>) -> Vec<String> {
    let name = &consumer.queue.value;
    let handler = handlers.and_then(|handlers| {
        let mut queues = handlers.queues.iter();
        queues.find(|(queue, _)| queue.value() == *name)
    });
    let dead_letter_queue = consumer.dead_letter_queue.as_deref();
    vec![
        code(name),
        handler.map_or_else(none, |(_, path)| code(&path_text(path))),
        consumer.max_batch_size.to_string(),
        format!("{} s", consumer.max_batch_timeout),
        consumer.max_retries.to_string(),
        dead_letter_queue.map_or_else(none, code),
    ]
}

/// A path without generic arguments.
fn path_text(path: &syn::Path) -> String {
    let segments = path.segments.iter();
    let names: Vec<String> = segments.map(|segment| segment.ident.to_string()).collect();
    names.join("::")
}

/// The first `handlers!` in the source files of a package.
pub(super) fn find(package: &Path) -> Option<Handlers> {
    find_in_folder(&package.join("src"))
}

fn find_in_folder(folder: &Path) -> Option<Handlers> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();

    paths.iter().find_map(|path| {
        if path.is_dir() {
            find_in_folder(path)
        } else {
            find_in_file(path)
        }
    })
}

fn find_in_file(path: &Path) -> Option<Handlers> {
    let text = fs::read_to_string(path).ok()?;
    // Parsing every file of a crate would be slow.
    if !text.contains("handlers!") {
        return None;
    }

    let items = syn::parse_file(&text).ok()?.items;
    items.into_iter().find_map(|item| {
        let Item::Macro(item) = item else {
            return None;
        };
        let name = item.mac.path.segments.last()?;
        if name.ident != "handlers" {
            return None;
        }
        item.mac.parse_body().ok()
    })
}
