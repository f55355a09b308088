//! Databases: their schemas from the migrations, and their queries.

use std::collections::BTreeMap;

use super::load::Variant;
use super::query_cache::QueryCache;
use super::variants::check_agreement;
use super::{Database, Inputs, Types, methods, shards};
use crate::manifest::{D1, Manifest};
use crate::report::{Code, Diagnostic, Errors};
use crate::schema::{self, Catalog};
use crate::source::{FileId, Sources, Span};
use crate::sql::annotation::{self, Annotated};

/// Applies the migrations and analyzes the queries of each database.
pub fn analyze(
    errors: &mut Errors,
    sources: &Sources,
    manifest: &Manifest,
    inputs: BTreeMap<String, Inputs>,
) -> BTreeMap<String, Database> {
    let mut databases = BTreeMap::new();
    for (binding, input) in inputs {
        let mut bindings = manifest.merged.bindings.iter();
        let found = bindings.find(|candidate| candidate.name.value == binding);
        let Some((merged, d1)) = found.and_then(|found| Some((found, found.resource.database()?)))
        else {
            continue;
        };
        if let Some(database) = database(errors, sources, &binding, d1, input) {
            if let Some(shards) = merged.shards.as_ref().filter(|_| database.is_complete) {
                shards::check(errors, shards, &database.catalog, &d1.migrations_table);
            }
            databases.insert(binding, database);
        }
    }
    databases
}

fn database(
    errors: &mut Errors,
    sources: &Sources,
    binding: &str,
    d1: &D1,
    input: Inputs,
) -> Option<Database> {
    let queries = annotated(errors, sources, input.queries);
    let cache = QueryCache::load(sources, &input.schema.key(sources, &d1.migrations_table));

    // The queries are parsed on another thread while the migrations are applied on this one.
    let errors_before = errors.count();
    let (catalog, read) = cache.read_while(sources, &queries, || {
        schema::build(errors, sources, &d1.migrations_table, &input.schema)
    });
    let mut catalog = catalog?;
    let baseline = input
        .schema
        .baseline
        .map(|file| sources.file(file).name.clone());
    let has_schema = !catalog.migrations.is_empty() || baseline.is_some();
    if !has_schema && !queries.is_empty() && errors.count() == errors_before {
        check_migrations_exist(errors, binding, d1);
    }

    // An incomplete schema would make every query that uses the rest of it wrong.
    let is_complete = errors.count() == errors_before && has_schema;
    let mut own = Errors::default();
    schema::warn(&mut own, sources, &input.schema, &catalog);
    let types = Types::new(&mut own, &catalog, input.types);
    if errors.count() == errors_before {
        errors.extend(own);
    }
    let variants = variants(errors, sources, input.variants);
    let analyzed = if is_complete {
        cache.analyze(sources, &mut catalog, &queries, read)
    } else {
        Vec::new()
    };

    let mut database = Database::new(catalog, baseline, is_complete, types);
    let spans: Vec<(String, Span)> = queries
        .iter()
        .map(|query| (query.name.value.clone(), query.sql))
        .collect();
    let mut analyzed = analyzed.into_iter();
    for annotated in queries {
        methods::add(errors, sources, &mut database, annotated, analyzed.next());
    }
    for (d1, catalog) in variants {
        check_agreement(errors, (&d1, &catalog), &database, &spans);
        database.variants.push((d1, catalog));
    }
    Some(database)
}

/// Reports a database with queries whose default folder of migrations is empty. An explicit folder
/// was reported when it was read.
fn check_migrations_exist(errors: &mut Errors, binding: &str, d1: &D1) {
    if d1.migrations_dir_is_explicit {
        return;
    }
    let folder = &d1.migrations_dir;
    let help = "create one with `wrangler d1 migrations create`, or name the folder with \
                `migrations_dir = \"...\"`";

    errors.push(
        Diagnostic::new(
            Code::NoMigrations,
            format!("the queries of `{binding}` have no schema"),
            folder.span,
        )
        .label(format!(
            "no `.sql` file in `{}`, the folder of its migrations",
            folder.value
        ))
        .help(help),
    );
}

/// The schemas of environments that have migrations of their own.
fn variants(errors: &mut Errors, sources: &Sources, inputs: Vec<Variant>) -> Vec<(D1, Catalog)> {
    let mut variants = Vec::new();
    for Variant { d1, schema } in inputs {
        let errors_before = errors.count();
        let catalog = schema::build(errors, sources, &d1.migrations_table, &schema);
        let Some(catalog) = catalog else { continue };
        // A folder without migrations was reported when it was read.
        if errors.count() == errors_before && !catalog.migrations.is_empty() {
            variants.push((d1, catalog));
        }
    }
    variants
}

/// The annotated queries of some files, each name once.
fn annotated(errors: &mut Errors, sources: &Sources, files: Vec<FileId>) -> Vec<Annotated> {
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    let mut queries = Vec::new();
    for file in files {
        for query in annotation::read(errors, sources, file) {
            add_unique(errors, &mut names, &mut queries, query);
        }
    }
    queries
}

/// Adds a query, unless an earlier one has its name.
fn add_unique(
    errors: &mut Errors,
    names: &mut BTreeMap<String, Span>,
    queries: &mut Vec<Annotated>,
    query: Annotated,
) {
    let name = query.name.clone();

    match names.get(&name.value) {
        Some(first) => errors.push(
            Diagnostic::new(
                Code::DuplicateQuery,
                format!("two queries are named `{}`", name.value),
                name.span,
            )
            .label("the second one")
            .also(*first, "the first one")
            .help("rename one of them"),
        ),
        None => {
            names.insert(name.value, name.span);
            queries.push(query);
        }
    }
}
