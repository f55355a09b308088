//! Finds and reads the files of a project.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use crate::manifest::{self, pattern};
use crate::manifest::{D1, DatabaseSettings, Manifest, settings};
use crate::report::{Add, Code, Diagnostic, Errors, Fix, Literal, suggestion};
use crate::schema;
use crate::source::{FileId, Sources, Span, Spanned, folders, sql_files};

/// The folder of annotated queries, with one folder per database.
pub(crate) const QUERIES: &str = "queries";

/// The files of one database.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The files of its schema.
    pub schema: schema::Inputs,
    /// The files of queries.
    pub queries: Vec<FileId>,
    /// Its schemas in environments that have other migrations.
    pub variants: Vec<Variant>,
    /// Rust types by column or by declared type.
    pub types: Vec<(Spanned<String>, Spanned<String>)>,
}

/// A database in an environment with its own migrations.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The database in that environment.
    pub d1: D1,
    /// The files of its schema.
    pub schema: schema::Inputs,
}

/// Reads the manifest.
pub fn load_manifest(errors: &mut Errors, sources: &mut Sources, path: &Path) -> Option<FileId> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("wrangler.toml");

    // wrangler reads a file with another name as an empty manifest.
    if ![".toml", ".json", ".jsonc"]
        .iter()
        .any(|extension| name.ends_with(extension))
    {
        let message = format!("`{name}` is not the name of a manifest");
        errors.push(
            Diagnostic::new(Code::Unreadable, message, None)
                .help("its format is that of its extension: .toml, .json or .jsonc"),
        );
        return None;
    }
    read(errors, sources, name, path, None)
}

/// Reads a file, shown as `name`. A file that cannot be read is an error at `span`.
fn read(
    errors: &mut Errors,
    sources: &mut Sources,
    name: &str,
    path: &Path,
    span: Option<Span>,
) -> Option<FileId> {
    match sources.read(name, path) {
        Ok(file) => Some(file),
        Err(error) => {
            let message = format!("cannot read `{name}`: {}", error.reason);
            let mut diagnostic = Diagnostic::new(Code::Unreadable, message, error.span.or(span));
            if let (Some(_), Some(named)) = (error.span, span) {
                diagnostic = diagnostic.also(named, "named here");
            }
            errors.push(diagnostic.label(error.label));
            None
        }
    }
}

/// If the manifest does not list the required secrets, uses the names in the developer's local
/// files.
pub fn infer_secrets(
    errors: &mut Errors,
    sources: &mut Sources,
    path: &Path,
    manifest: &mut Manifest,
    environment: Option<&str>,
) {
    if manifest.lists_secrets {
        return;
    }
    let root = path.parent().unwrap_or(Path::new("."));
    let mut names = super::secrets::names(sources, root, environment);

    // A value for a variable, or for wrangler itself, is not a secret of the worker.
    let vars = manifest.merged.vars.iter().map(|var| &var.name.value);
    let bindings = manifest.merged.bindings.iter();
    let bindings = bindings.map(|binding| &binding.name.value);
    let bound: HashSet<&String> = vars.chain(bindings).collect();
    names.retain(|name| !bound.contains(&name.value) && !name.value.starts_with("CLOUDFLARE_"));

    if let Some(first) = names.first() {
        let listed = names.iter().map(|name| Literal::Text(name.value.clone()));
        let listed = listed.collect();
        let start = Span {
            file: manifest.file,
            start: 0,
            end: 0,
        };
        let required = ("required".to_owned(), Literal::List(listed));
        errors.push(
            Diagnostic::new(
                Code::ManifestField,
                "the manifest requires no secrets",
                start,
            )
            .label("their names come from a file that a fresh clone does not have")
            .also(first.span, "found here")
            .fix(Fix::Add(Add {
                table: manifest.root,
                path: Some(Vec::new()),
                key: "secrets".to_owned(),
                value: Literal::Table(vec![required]),
            }))
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
    let errors_before = errors.count();
    let mut settings = load_settings(errors, sources, root, manifest);
    let are_settings_valid = errors.count() == errors_before;
    manifest::warn_of_missing_names(errors, manifest);

    let bindings = manifest
        .environments
        .iter()
        .flat_map(|environment| &environment.bindings);
    let mut by_name: HashMap<&str, Vec<&D1>> = HashMap::new();
    for binding in bindings {
        if let Some(d1) = binding.resource.database() {
            let name = &binding.name.value;
            let mut merged = manifest.merged.bindings.iter();
            if let Some(merged) = merged.find(|merged| merged.includes(name)) {
                by_name.entry(&merged.name.value).or_default().push(d1);
            }
        }
    }

    let mut databases = BTreeMap::new();
    let mut folders = Vec::new();
    for binding in &manifest.merged.bindings {
        let Some(d1) = binding.resource.database() else {
            continue;
        };
        let name = &binding.name.value;
        let own = by_name.get(name.as_str()).map(Vec::as_slice);
        let settings = settings.remove(name);
        let has_settings = settings.is_some();
        let DatabaseSettings {
            schema,
            types,
            nullable_keys,
        } = settings.unwrap_or_default();
        let baseline = schema.and_then(|schema| {
            let path = root.join(&schema.value);
            read(errors, sources, &schema.value, &path, Some(schema.span))
        });
        let schema = schema::Inputs {
            baseline,
            migrations: migrations(errors, sources, root, d1),
            nullable_keys,
            binding: name.clone(),
            has_settings,
        };
        let folder = manifest.aliases.name(name).field;

        let inputs = Inputs {
            queries: queries(errors, sources, root, &folder),
            variants: variants(errors, sources, root, own.unwrap_or_default(), d1, &schema),
            schema,
            types,
        };
        folders.push(folder);
        databases.insert(name.clone(), inputs);
    }
    // A folder can be that of a set of databases which the settings do not declare as they should.
    if are_settings_valid {
        stray_queries(errors, sources, root, manifest, &folders);
    }
    databases
}

/// The settings of the project's own `Cargo.toml`, by database.
fn load_settings(
    errors: &mut Errors,
    sources: &mut Sources,
    root: &Path,
    manifest: &mut Manifest,
) -> BTreeMap<String, DatabaseSettings> {
    let Some(file) = sources.read_nearest(root, "Cargo.toml") else {
        return BTreeMap::new();
    };
    let text = &sources.file(file).text;
    if !text.contains("metadata") || !text.contains("bindery") {
        return BTreeMap::new();
    }
    settings(errors, sources, file, manifest)
        .into_iter()
        .collect()
}

/// The schemas of a database in environments whose migrations differ from the first one's.
fn variants(
    errors: &mut Errors,
    sources: &mut Sources,
    root: &Path,
    databases: &[&D1],
    first: &D1,
    schema: &schema::Inputs,
) -> Vec<Variant> {
    let mut variants: Vec<Variant> = Vec::new();

    for d1 in databases {
        let is_known = d1.schema_key() == first.schema_key()
            || variants
                .iter()
                .any(|variant| variant.d1.schema_key() == d1.schema_key());
        if !is_known {
            let migrations = migrations(errors, sources, root, d1);
            variants.push(Variant {
                d1: (*d1).clone(),
                schema: schema::Inputs {
                    migrations,
                    ..schema.clone()
                },
            });
        }
    }
    variants
}

/// The files of queries in the folder of a database.
fn queries(errors: &mut Errors, sources: &mut Sources, root: &Path, folder: &str) -> Vec<FileId> {
    let mut files = Vec::new();
    for name in sql_files(&root.join(QUERIES).join(folder)) {
        let shown = format!("{QUERIES}/{folder}/{name}");
        files.extend(read(errors, sources, &shown, &root.join(&shown), None));
    }
    files
}

/// The migrations of a database: the name of each in the migrations table, and its whole file.
fn migrations(
    errors: &mut Errors,
    sources: &mut Sources,
    root: &Path,
    d1: &D1,
) -> Vec<Spanned<String>> {
    let folder = d1.folder();
    let path = root.join(folder);
    if path.is_file() {
        let message = format!("`{folder}` is a file, and migrations are files in a folder");
        errors.push(
            Diagnostic::new(Code::NoMigrations, message, d1.migrations_dir.span)
                .label("not a folder")
                .help("name the folder that contains the file"),
        );
        return Vec::new();
    }
    let mut found = sql_files(&path);

    found.retain(|name| pattern::matches(&d1.migrations_pattern, name));
    if found.is_empty() && d1.migrations_dir_is_explicit {
        // wrangler does not know the objects of a class.
        let help = match d1.is_of_objects() {
            true => format!("create `{folder}/0001_tables.sql`, or correct the folder"),
            false => {
                "create one with `wrangler d1 migrations create`, or correct the folder".to_owned()
            }
        };
        errors.push(
            Diagnostic::new(
                Code::NoMigrations,
                format!("`{folder}` has no migration"),
                d1.migrations_dir.span,
            )
            .label("no `.sql` file in this folder")
            .help(help),
        );
    }
    let mut migrations = Vec::new();
    for name in found {
        let shown = format!("{folder}/{name}");
        if let Some(file) = read(errors, sources, &shown, &root.join(&shown), None) {
            migrations.push(Spanned {
                value: name,
                span: sources.whole(file),
            });
        }
    }
    migrations
}

/// Reports files of queries that no database reads: they would be ignored silently.
fn stray_queries(
    errors: &mut Errors,
    sources: &mut Sources,
    root: &Path,
    manifest: &Manifest,
    known: &[String],
) {
    let folder = root.join(QUERIES);
    for name in folders(&folder) {
        if !known.contains(&name) && !sql_files(&folder.join(&name)).is_empty() {
            errors.push(stray_folder(manifest, &name, known));
        }
    }

    let files = sql_files(&folder).into_iter();
    for name in files.filter(|name| !name.contains('/')) {
        let shown = format!("{QUERIES}/{name}");
        if let Some(file) = read(errors, sources, &shown, &root.join(&shown), None) {
            errors.push(stray_file(file, &shown, &name, known));
        }
    }
}

/// A folder of queries that is not named after a database.
fn stray_folder(manifest: &Manifest, name: &str, known: &[String]) -> Diagnostic {
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let mut bindings = manifest.merged.bindings.iter();
    let class = bindings.find(|binding| {
        binding.resource.class().is_some() && binding.name.value.eq_ignore_ascii_case(name)
    });
    let help = match (class, names.as_slice()) {
        (Some(class), _) => format!(
            "for the database of each object, add `[package.metadata.bindery.{}]` with `migrations \
             = \"migrations/{name}\"` to `Cargo.toml`",
            class.name.value
        ),
        (None, [only]) => {
            format!("move its files to `{QUERIES}/{only}`: the folder is named after the binding")
        }
        (None, _) => {
            let suggestion = suggestion(name, "folders of databases", &names);
            format!("the folder is named after the binding; {suggestion}")
        }
    };

    let message = format!("`{QUERIES}/{name}` belongs to no database");
    let start = Span {
        file: manifest.file,
        start: 0,
        end: 0,
    };
    Diagnostic::new(Code::StrayQueries, message, start)
        .label("this manifest has no database with that name")
        .help(help)
}

/// A file of queries outside the folder of a database.
fn stray_file(file: FileId, shown: &str, name: &str, known: &[String]) -> Diagnostic {
    let target = known.first().map_or("<binding>", String::as_str);
    let message = format!("`{shown}` belongs to no database");
    let start = Span {
        file,
        start: 0,
        end: 0,
    };
    Diagnostic::new(Code::StrayQueries, message, start)
        .label("queries are in the folder of their database")
        .help(format!("move it to `{QUERIES}/{target}/{name}`"))
}
