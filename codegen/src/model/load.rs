//! Which files a project is made of.

use std::collections::BTreeMap;
use std::path::Path;

use crate::manifest::pattern;
use crate::manifest::{self, D1, DatabaseSettings, Kind, Manifest, settings};
use crate::names::Name;
use crate::report::{Diagnostic, Errors, code, suggestion};
use crate::schema;
use crate::source::{FileId, Sources, Span, Spanned, folders, sql_files};

/// The folder of annotated queries, one folder a database in it.
pub(crate) const QUERIES: &str = "queries";

/// The files of one database.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// What makes its schema.
    pub schema: schema::Inputs,
    /// The files of queries.
    pub queries: Vec<FileId>,
    /// What makes it in environments that have other migrations.
    pub variants: Vec<Variant>,
    /// Rust types by column or by declared type.
    pub types: Vec<(Spanned<String>, Spanned<String>)>,
}

/// The schema of a database in environments whose own migrations make it.
#[derive(Debug, Clone)]
pub struct Variant {
    /// What is bound there.
    pub d1: D1,
    /// What makes its schema.
    pub schema: schema::Inputs,
}

/// Reads the manifest.
pub fn load_manifest(errors: &mut Errors, sources: &mut Sources, path: &Path) -> Option<FileId> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("wrangler.toml")
        .to_owned();
    sources.read(errors, name, path, None)
}

/// Gives a manifest that requires no secrets itself those that a developer keeps beside it.
pub fn infer_secrets(
    errors: &mut Errors,
    sources: &mut Sources,
    path: &Path,
    manifest: &mut Manifest,
    environment: Option<&str>,
) {
    if manifest.names_secrets {
        return;
    }
    let mut names = super::secrets::names(
        sources,
        path.parent().unwrap_or(Path::new(".")),
        environment,
    );
    // A value for a variable, or for wrangler itself, is no secret of the worker.
    let merged = &manifest.merged;
    let bound = |name: &str| {
        merged.vars.iter().any(|var| var.name.value == name)
            || merged
                .bindings
                .iter()
                .any(|binding| binding.name.value == name)
    };
    names.retain(|name| !bound(&name.value) && !name.value.starts_with("CLOUDFLARE_"));
    names.retain(|name| manifest::check_name(errors, name));
    if let Some(first) = names.first() {
        let listed: Vec<String> = names
            .iter()
            .map(|name| format!("\"{}\"", name.value))
            .collect();
        errors.push(
            Diagnostic::new(
                code::MANIFEST_FIELD,
                "the manifest requires no secrets",
                Span {
                    file: manifest.file,
                    start: 0,
                    end: 0,
                },
            )
            .label("they are those of a file that a fresh clone does not have")
            .also(first.span, "found here")
            .help(format!(
                "add `[secrets]` with `required = [{}]`",
                listed.join(", ")
            ))
            .warning(),
        );
    }
    manifest.infer_secrets(errors, names);
}

/// Reads the migrations and queries of every database of the manifest.
pub fn load_databases(
    errors: &mut Errors,
    sources: &mut Sources,
    path: &Path,
    manifest: &mut Manifest,
) -> BTreeMap<String, Inputs> {
    let root = path.parent().unwrap_or(Path::new("."));
    let mut settings: BTreeMap<String, DatabaseSettings> = sources
        .read_nearest(root, "Cargo.toml")
        .filter(|file| sources.file(*file).text.contains("metadata.bindery"))
        .map(|file| settings(errors, sources, file, manifest))
        .unwrap_or_default()
        .into_iter()
        .collect();
    let mut databases = BTreeMap::new();
    let mut folder_names = Vec::new();
    for binding in &manifest.merged.bindings {
        let Kind::D1(first) = &binding.kind else {
            continue;
        };
        let mut inputs = Inputs::default();
        let DatabaseSettings { schema, types } =
            settings.remove(&binding.name.value).unwrap_or_default();
        inputs.types = types;
        if let Some(schema) = schema {
            let path = root.join(&schema.value);
            inputs.schema.baseline = sources.read(errors, schema.value, &path, Some(schema.span));
        }
        inputs.schema.migrations = migrations(errors, sources, root, first);
        for layer in &manifest.layers {
            let elsewhere = layer
                .bindings
                .iter()
                .filter(|other| other.name.value == binding.name.value);
            for d1 in elsewhere.filter_map(|other| {
                if let Kind::D1(other) = &other.kind {
                    Some(other)
                } else {
                    None
                }
            }) {
                let known =
                    std::iter::once(first).chain(inputs.variants.iter().map(|variant| &variant.d1));
                if known
                    .into_iter()
                    .all(|known| known.made_by() != d1.made_by())
                {
                    let migrations = migrations(errors, sources, root, d1);
                    let schema = schema::Inputs {
                        baseline: inputs.schema.baseline,
                        migrations,
                    };
                    inputs.variants.push(Variant {
                        d1: d1.clone(),
                        schema,
                    });
                }
            }
        }
        let queries = Name::new(&binding.name.value).field;
        for name in sql_files(&root.join(QUERIES).join(&queries)) {
            let shown = format!("{QUERIES}/{queries}/{name}");
            inputs
                .queries
                .extend(sources.read(errors, shown.clone(), &root.join(&shown), None));
        }
        folder_names.push(queries);
        databases.insert(binding.name.value.clone(), inputs);
    }
    stray_queries(errors, sources, root, manifest, &folder_names);
    databases
}

/// The migrations of a database: each its name in the ledger, and the whole file.
fn migrations(
    errors: &mut Errors,
    sources: &mut Sources,
    root: &Path,
    d1: &D1,
) -> Vec<Spanned<String>> {
    let folder = d1.folder();
    let mut found = sql_files(&root.join(folder));
    found.retain(|name| pattern::matches(&d1.migrations_pattern, name));
    if found.is_empty() && d1.migrations_dir_is_explicit {
        errors.push(
            Diagnostic::new(
                code::NO_MIGRATIONS,
                format!("`{folder}` has no migration"),
                d1.migrations_dir.span,
            )
            .label("no `.sql` file in this folder")
            .help("create one with `wrangler d1 migrations create`, or correct the folder"),
        );
    }
    let mut migrations = Vec::new();
    for name in found {
        let shown = format!("{folder}/{name}");
        if let Some(file) = sources.read(errors, shown.clone(), &root.join(&shown), None) {
            migrations.push(Spanned {
                value: name,
                span: sources.whole(file),
            });
        }
    }
    migrations
}

/// Queries where no database looks for them would be dropped in silence.
fn stray_queries(
    errors: &mut Errors,
    sources: &mut Sources,
    root: &Path,
    manifest: &Manifest,
    known: &[String],
) {
    let folder = root.join(QUERIES);
    let at = Some(Span {
        file: manifest.file,
        start: 0,
        end: 0,
    });
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    for name in folders(&folder) {
        if !known.contains(&name) && !sql_files(&folder.join(&name)).is_empty() {
            errors.push(
                Diagnostic::new(code::STRAY_QUERIES, format!("`{QUERIES}/{name}` belongs to no database"), at)
                    .label("this manifest binds no database of that name")
                    .help(match names.as_slice() {
                        [only] => format!("move its files to `{QUERIES}/{only}`: the folder is named after the binding"),
                        _ => {
                            format!("the folder is named after the binding; {}", suggestion(&name, "databases' folders", &names))
                        }
                    }),
            );
        }
    }
    for name in sql_files(&folder)
        .into_iter()
        .filter(|name| !name.contains('/'))
    {
        let shown = format!("{QUERIES}/{name}");
        if let Some(file) = sources.read(errors, shown.clone(), &root.join(&shown), None) {
            let target = known.first().map_or("<binding>", String::as_str);
            errors.push(
                Diagnostic::new(
                    code::STRAY_QUERIES,
                    format!("`{shown}` belongs to no database"),
                    Span {
                        file,
                        start: 0,
                        end: 0,
                    },
                )
                .label("a file of queries stands in the folder of its database")
                .help(format!("move it to `{QUERIES}/{target}/{name}`")),
            );
        }
    }
}
