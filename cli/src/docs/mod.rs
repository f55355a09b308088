//! `cargo bindery docs`: a reference of a project, as one page of HTML and as Markdown.

mod diagram;
mod handlers;
mod html;
mod markdown;
mod page;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bindery_codegen::Compilation;
use bindery_codegen::handlers::Handlers;
use bindery_codegen::manifest::{BindingKind, Environment, Resource};
use bindery_codegen::model::{Bound, Database, Method, Project};
use bindery_codegen::report::{Diagnostic, Severity};
use bindery_codegen::schema::{Catalog, Reference, Table, TableKind};
use clap::Args;

use crate::output::{self, print_errors};
use crate::project::{self, ProjectArguments};
use page::{Block, Section, code};

/// Write a reference of a project: one HTML page that needs no network, and Markdown
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder to write to [default: `target/bindery-docs` of the project]
    #[arg(value_name = "PATH")]
    output: Option<PathBuf>,

    #[command(flatten)]
    project: ProjectArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let compilation = arguments.project.compile()?;
    let project = compilation
        .project
        .as_ref()
        .filter(|_| compilation.errors.is_empty());
    let Some(project) = project else {
        print_errors(&compilation.errors.render(&compilation.sources));
        return Ok(ExitCode::FAILURE);
    };

    let sections = reference(&compilation, project)?;
    let title = project.manifest.name.as_deref().unwrap_or("worker");
    let default = || project::package(&compilation.manifest).join("target/bindery-docs");
    let folder = arguments.output.clone().unwrap_or_else(default);
    write(&folder, "index.html", &html::render(title, &sections))?;
    write(&folder, "reference.md", &markdown::render(title, &sections))?;
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<ExitCode, String> {
    output::write(&folder.join(name), text, false)
}

/// The whole reference.
fn reference(compilation: &Compilation, project: &Project) -> Result<Vec<Section>, String> {
    let mut sections = vec![bindings(project)];
    sections.extend(values(project));
    let code = handlers::find(&project::package(&compilation.manifest));
    sections.extend(callers(project, code.as_ref()));
    for bound in &project.bindings {
        if let Some(database) = &bound.database {
            sections.push(self::database(compilation, bound, database)?);
        }
    }
    sections.extend(warnings(compilation));
    Ok(sections)
}

/// An environment's name; the top level has none.
fn environment(environment: &Environment) -> String {
    environment
        .name
        .as_ref()
        .map_or_else(|| "top level".to_owned(), |name| name.value.clone())
}

fn bindings(project: &Project) -> Section {
    let mut section = Section::new("bindings", "Bindings");
    let count = project.bindings.len();
    let environments: Vec<String> = project
        .manifest
        .environments
        .iter()
        .map(|other| code(&environment(other)))
        .collect();
    let of = if environments.len() > 1 {
        format!(", over {}", environments.join(", "))
    } else {
        String::new()
    };
    section.text(format!("{count} bindings{of}. Each is a field of `Env`."));
    let mut titles: Vec<&str> = project
        .bindings
        .iter()
        .map(|bound| bound.resource.kind.definition().title.name)
        .collect();
    titles.sort_unstable_by_key(|title| title.to_lowercase());
    titles.dedup();
    for title in titles {
        let mut part = Section::new(format!("kind-{}", title.replace(' ', "-")), capital(title));
        let rows = project
            .bindings
            .iter()
            .filter(|bound| bound.resource.kind.definition().title.name == title)
            .map(|bound| binding(project, bound));
        part.table(&["binding", "in Rust", "bound to"], rows.collect());
        section.parts.push(part);
    }
    section
}

/// A title at the start of a line.
fn capital(title: &str) -> String {
    let mut rest = title.chars();
    // `mTLS` is written so.
    match rest.next() {
        Some(first) if !title.starts_with("mTLS") => first.to_uppercase().chain(rest).collect(),
        _ => title.to_owned(),
    }
}

fn binding(project: &Project, bound: &Bound) -> Vec<String> {
    let name = &bound.name.source;
    let places = project.manifest.environments.iter().filter_map(|place| {
        let own = place
            .bindings
            .iter()
            .find(|other| other.name.value == *name)?;
        let to = bound_to(&own.resource);
        Some(if project.manifest.environments.len() > 1 {
            format!("{}: {to}", environment(place))
        } else {
            to
        })
    });
    let field = format!("env.{}", bound.name.field);
    let field = if bound.optional {
        format!("{}, an `Option`", code(&field))
    } else {
        code(&field)
    };
    vec![code(name), field, places.collect::<Vec<_>>().join("; ")]
}

fn bound_to(resource: &Resource) -> String {
    let setting = |key: &str| {
        resource
            .setting(key)
            .map_or_else(|| "created by wrangler".to_owned(), code)
    };
    match resource.kind {
        BindingKind::KvNamespace => setting("id"),
        BindingKind::D1Database => {
            let folder = resource
                .d1()
                .map(|d1| code(d1.folder()))
                .unwrap_or_default();
            format!("{}, migrations in {folder}", setting("database_name"))
        }
        BindingKind::R2Bucket => setting("bucket_name"),
        BindingKind::QueueProducer => setting("queue"),
        _ if resource.settings.is_empty() => "the account".to_owned(),
        _ => {
            let settings = resource.settings.iter();
            let settings = settings.map(|(key, value)| format!("{key} {}", code(value)));
            settings.collect::<Vec<_>>().join(", ")
        }
    }
}

/// Variables with their values, and secrets without.
fn values(project: &Project) -> Option<Section> {
    let mut section = Section::new("values", "Variables and secrets");
    let rows = project.vars.iter().map(|(name, var)| {
        let values = project.manifest.environments.iter().filter_map(|place| {
            let own = place
                .vars
                .iter()
                .find(|other| other.name.value == name.source)?;
            let value = code(&own.json);
            Some(if project.manifest.environments.len() > 1 {
                format!("{}: {value}", environment(place))
            } else {
                value
            })
        });
        let optional = if var.optional { ", an `Option`" } else { "" };
        let field = format!("{}{optional}", code(&format!("env.vars.{}", name.field)));
        vec![
            code(&name.source),
            field,
            values.collect::<Vec<_>>().join("; "),
        ]
    });
    section.table(&["variable", "in Rust", "in the manifest"], rows.collect());
    let rows = project.secrets.iter().map(|(name, optional)| {
        let optional = if *optional { ", an `Option`" } else { "" };
        vec![
            code(&name.source),
            format!("{}{optional}", code(&format!("env.secrets.{}", name.field))),
        ]
    });
    section.table(&["secret", "in Rust"], rows.collect());
    (!section.blocks.is_empty()).then_some(section)
}

/// What calls the worker's code.
fn callers(project: &Project, handlers: Option<&Handlers>) -> Option<Section> {
    let merged = &project.manifest.merged;
    let mut section = Section::new("handlers", "Handlers");
    if let Some(fetch) = handlers.and_then(|handlers| handlers.fetch.as_ref()) {
        section.text(format!("Requests go to {}.", code(&handlers::shown(fetch))));
    }
    let nobody = || "nobody".to_owned();
    let rows = merged.consumers.iter().map(|consumer| {
        let handler = handlers.and_then(|handlers| {
            handlers
                .queues
                .iter()
                .find(|(queue, _)| queue.value() == consumer.queue.value)
        });
        vec![
            code(&consumer.queue.value),
            handler.map_or_else(nobody, |(_, handler)| code(&handlers::shown(handler))),
            consumer.max_batch_size.to_string(),
            format!("{} s", consumer.max_batch_timeout),
            consumer.max_retries.to_string(),
            consumer
                .dead_letter_queue
                .as_deref()
                .map_or_else(|| "dropped".to_owned(), code),
        ]
    });
    section.table(
        &["queue", "handled by", "batch", "waits", "retries", "then"],
        rows.collect(),
    );
    section.table(
        &["cron", "handled by"],
        merged
            .crons
            .iter()
            .map(|cron| vec![code(&cron.value), nobody()])
            .collect(),
    );
    let classes = project
        .manifest
        .classes(BindingKind::DurableObjectNamespace)
        .map(|class| {
            let exported = handlers.is_some_and(|handlers| {
                handlers
                    .durable_objects
                    .iter()
                    .any(|known| *known == class.value)
            });
            vec![
                code(&class.value),
                if exported {
                    "yes".to_owned()
                } else {
                    "no".to_owned()
                },
            ]
        });
    section.table(&["Durable Object class", "exported"], classes.collect());
    (!section.blocks.is_empty()).then_some(section)
}

fn database(
    compilation: &Compilation,
    bound: &Bound,
    database: &Database,
) -> Result<Section, String> {
    let field = &bound.name.field;
    let mut section = Section::new(
        format!("database-{field}"),
        format!("Database `{}`", bound.name.source),
    );
    let catalog = &database.catalog;
    let references = catalog
        .references()
        .map_err(|error| format!("the schema cannot be read: {error}"))?;
    let tables: Vec<&Table> = catalog
        .tables
        .iter()
        .filter(|table| !table.name.starts_with("sqlite_"))
        .collect();
    let stored: Vec<&Table> = tables
        .iter()
        .copied()
        .filter(|table| table.kind == TableKind::Table)
        .collect();
    if !stored.is_empty() {
        let (svg, mermaid) = (
            diagram::svg(&stored, &references),
            diagram::mermaid(&stored, &references),
        );
        section.blocks.push(Block::Diagram { svg, mermaid });
    }
    if !database.methods.is_empty() {
        let mut part = Section::new(format!("{field}-queries"), "Queries");
        part.parts = database
            .methods
            .iter()
            .map(|method| query(compilation, field, method))
            .collect();
        section.parts.push(part);
    }
    let mut part = Section::new(format!("{field}-tables"), "Tables");
    part.parts = tables
        .iter()
        .map(|table| self::table(field, table, &references))
        .collect();
    section.parts.push(part);
    let mut part = Section::new(format!("{field}-migrations"), "Migrations");
    history(
        &mut part,
        catalog,
        "In the order in which they are applied.",
    );
    for (d1, catalog) in &database.variants {
        history(
            &mut part,
            catalog,
            &format!("Where the folder is {}:", code(d1.folder())),
        );
    }
    section.parts.push(part);
    Ok(section)
}

/// The migrations of a schema.
fn history(section: &mut Section, catalog: &Catalog, words: &str) {
    section.text(if catalog.migrations.is_empty() {
        "None."
    } else {
        words
    });
    let numbered = catalog.migrations.iter().enumerate();
    section.table(
        &["", "file"],
        numbered
            .map(|(index, migration)| vec![(index + 1).to_string(), code(&migration.name)])
            .collect(),
    );
}

fn table(field: &str, table: &Table, references: &[Reference]) -> Section {
    let mut section = Section::new(format!("{field}-table-{}", table.name), code(&table.name));
    match &table.kind {
        TableKind::View(_) => section.text("A view."),
        TableKind::Virtual(module, _) => {
            section.text(format!("A virtual table of {}.", code(module)))
        }
        TableKind::Table => {}
    }
    let rows = table
        .columns
        .iter()
        .filter(|column| !column.hidden)
        .map(|column| {
            let mut notes = Vec::new();
            if column.rowid_alias {
                notes.push("the rowid".to_owned());
            } else if column.in_key {
                notes.push("primary key".to_owned());
            }
            if column.generated {
                notes.push("computed".to_owned());
            }
            if column.has_default {
                notes.push("has a default".to_owned());
            }
            for reference in references
                .iter()
                .filter(|known| known.table == table.name && known.column == column.name)
            {
                let deleted = if reference.on_delete == "NO ACTION" {
                    String::new()
                } else {
                    format!(", on delete {}", reference.on_delete.to_lowercase())
                };
                notes.push(format!("refers to {}{deleted}", code(&reference.parent)));
            }
            let null = if column.not_null { "never" } else { "may be" };
            vec![
                code(&column.name),
                code(&column.declared),
                null.to_owned(),
                notes.join(", "),
            ]
        });
    section.table(&["column", "type", "NULL", ""], rows.collect());
    let rows = table.indexes.iter().map(|index| {
        let columns = index.columns.iter().map(|(column, _)| match column {
            Some(column) => table
                .columns
                .get(*column)
                .map_or_else(|| "the rowid".to_owned(), |column| code(&column.name)),
            None => "an expression".to_owned(),
        });
        let mut notes: Vec<&str> = Vec::new();
        notes.extend(index.unique.then_some("unique"));
        notes.extend(index.partial.then_some("of some rows"));
        notes.extend(index.of_key.then_some("the primary key's"));
        vec![
            code(&index.name),
            columns.collect::<Vec<_>>().join(", "),
            notes.join(", "),
        ]
    });
    section.table(&["index", "columns", ""], rows.collect());
    section
}

/// What `cargo bindery check` says of a query.
fn warnings_in(compilation: &Compilation, method: &Method) -> Vec<Block> {
    let within = |diagnostic: &&&Diagnostic| {
        diagnostic.severity == Severity::Warning
            && diagnostic.span.is_some_and(|span| {
                let file = compilation.sources.file(span.file);
                let start = file.text.find(&method.written);
                file.name == method.file
                    && start.is_some_and(|start| {
                        (start..start + method.written.len()).contains(&span.start)
                    })
            })
    };
    let sorted = compilation.errors.sorted();
    let found = sorted.iter().filter(within);
    found
        .map(|diagnostic| {
            Block::Warning(format!(
                "{}: {}",
                diagnostic.message,
                diagnostic.help.clone().unwrap_or_default()
            ))
        })
        .collect()
}

fn query(compilation: &Compilation, field: &str, method: &Method) -> Section {
    let name = &method.name.field;
    let mut section = Section::new(format!("{field}-query-{name}"), code(name));
    if !method.docs.is_empty() {
        section.text(method.docs.join(" "));
    }
    let safe = if method.query.reads_only {
        "reads only, and is safe to repeat"
    } else {
        "writes"
    };
    section.text(format!(
        "`:{}`, from {}; {safe}.",
        method.cardinality.word(),
        code(&method.file)
    ));
    section
        .blocks
        .push(Block::Code("sql", method.written.trim().to_owned()));
    let rows = method.query.parameters.iter().map(|parameter| {
        let ty = parameter
            .as_type
            .clone()
            .unwrap_or_else(|| parameter.scalar.describe().to_owned());
        let ty = if parameter.list {
            format!("a slice of {ty}")
        } else {
            ty
        };
        let null = if parameter.nullable {
            "may be"
        } else {
            "never"
        };
        vec![
            code(&parameter.name),
            ty,
            null.to_owned(),
            parameter.origin.as_deref().map(code).unwrap_or_default(),
        ]
    });
    section.table(&["parameter", "type", "NULL", "column"], rows.collect());
    let rows = method.query.columns.iter().map(|column| {
        let ty = column
            .as_type
            .clone()
            .unwrap_or_else(|| column.scalar.describe().to_owned());
        let null = match (column.nullable, &column.ty.reason) {
            (true, Some(reason)) => format!("may be: {reason}"),
            (true, None) => "may be".to_owned(),
            (false, _) => "never".to_owned(),
        };
        vec![
            code(&column.name),
            ty,
            null,
            column.ty.origin.as_deref().map(code).unwrap_or_default(),
        ]
    });
    section.table(&["result", "type", "NULL", "column"], rows.collect());
    if !method.query.plan.is_empty() {
        let steps = method
            .query
            .plan
            .iter()
            .map(|step| format!("{}{}", "  ".repeat(step.depth), step.detail));
        section
            .blocks
            .push(Block::Code("text", steps.collect::<Vec<_>>().join("\n")));
    }
    section.blocks.extend(warnings_in(compilation, method));
    section
}

/// What `cargo bindery check` shows beside errors.
fn warnings(compilation: &Compilation) -> Option<Section> {
    let rows: Vec<Vec<String>> = compilation
        .errors
        .sorted()
        .into_iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Warning)
        .map(|diagnostic| {
            let place = output::to_json(diagnostic, &compilation.sources);
            let file = place["file"].as_str().unwrap_or_default();
            let place = if file.is_empty() {
                String::new()
            } else {
                code(&format!("{file}:{}", place["line"]))
            };
            vec![
                code(diagnostic.code.id()),
                place,
                diagnostic.message.clone(),
                diagnostic.help.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let mut section = Section::new("warnings", "Warnings");
    section.table(&["code", "where", "what", "what to do"], rows);
    (!section.blocks.is_empty()).then_some(section)
}
