//! Applies the index that each warning of a full scan suggests: SQLite must no longer read the
//! whole table.

#![expect(clippy::expect_used, reason = "a test fails with the reason")]

use std::path::Path;

use bindery_codegen::model::{Method, Project};
use bindery_codegen::report::{Code, Diagnostic};
use bindery_codegen::schema::Catalog;
use bindery_codegen::sql::Query;
use bindery_codegen::{Errors, Sources, compile, source};

/// The method of a database in whose SQL a diagnostic is; `None` for a query with an error.
fn method<'p>(
    project: &'p Project,
    sources: &Sources,
    diagnostic: &Diagnostic,
) -> Option<(&'p Catalog, &'p Method)> {
    let span = diagnostic.span.expect("the warning has a place");
    let file = sources.file(span.file);
    let databases = project
        .bindings
        .iter()
        .filter_map(|bound| bound.database.as_ref());
    let mut methods = databases.flat_map(|database| {
        let methods = database.methods.iter();
        methods.map(|method| (&database.catalog, method))
    });
    methods.find(|(_, method)| {
        let mut places = file.text.match_indices(&method.written);
        method.file == file.name
            && places.any(|(start, text)| (start..start + text.len()).contains(&span.start))
    })
}

/// The steps in which SQLite reads a whole table, also to build an index for one statement.
fn scans(catalog: &Catalog, sql: &str) -> Vec<String> {
    let explain = format!("EXPLAIN QUERY PLAN {sql}");
    let connection = catalog.database.connection();
    let mut statement = connection.prepare(&explain).expect("SQLite explains it");
    let mut rows = statement.raw_query();
    let mut scans = Vec::new();
    while let Some(row) = rows.next().expect("a step") {
        let detail: String = row.get(3).expect("a detail");
        let is_scan = detail.starts_with("SCAN ") && !detail.contains("VIRTUAL TABLE");
        if is_scan || detail.contains(" AUTOMATIC ") {
            scans.push(detail);
        }
    }
    scans
}

#[test]
fn suggested_indexes_are_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut count = 0;
    for topic in ["sql", "errors"] {
        for case in source::folders(&root.join(topic)) {
            count += check(&root.join(topic).join(case));
        }
    }
    assert!(count >= 20, "only {count} warnings were found");
}

/// Applies the suggestions for each query of a case. Returns their number.
fn check(folder: &Path) -> usize {
    let manifest = source::discover(folder).expect("a case has a manifest");
    let (mut errors, mut sources) = (Errors::default(), Sources::default());
    let Some(project) = compile(&mut errors, &mut sources, &manifest, None) else {
        return 0;
    };
    let diagnostics = errors.sorted().into_iter();
    let warnings: Vec<&Diagnostic> = diagnostics
        .filter(|diagnostic| diagnostic.code == Code::FullScan)
        .filter(|diagnostic| method(&project, &sources, diagnostic).is_some())
        .collect();

    let mut left = warnings.as_slice();
    while let [first, ..] = left
        && let Some((catalog, query)) = method(&project, &sources, first)
    {
        let is_same = |other: &&&Diagnostic| {
            let other = method(&project, &sources, other);
            other.is_some_and(|(_, other)| std::ptr::eq(other, query))
        };
        let (own, rest) = left.split_at(left.iter().take_while(is_same).count());
        check_query(catalog, query, own);
        left = rest;
    }
    warnings.len()
}

/// The tables that a query reads whole, in each of the texts that its arguments determine.
fn scans_of(catalog: &Catalog, method: &Method) -> Vec<String> {
    let Query {
        sql,
        template,
        parameters,
        ..
    } = &method.query;
    let Some(template) = template else {
        return scans(catalog, sql);
    };
    let texts = template.variants(parameters);
    let texts = texts.iter().map(|arms| template.sql(arms));
    texts.flat_map(|sql| scans(catalog, &sql)).collect()
}

/// Several indexes for one query are applied together, as a user would.
fn check_query(catalog: &Catalog, method: &Method, warnings: &[&Diagnostic]) {
    let before = scans_of(catalog, method);
    let connection = catalog.database.connection();
    let trusted = |sql: &str| {
        catalog
            .database
            .trusted(|connection| connection.execute_batch(sql))
    };
    trusted("SAVEPOINT indexes").expect("starts");
    for warning in warnings {
        let help = warning.help.as_deref().unwrap_or_default();
        let index = help.trim_matches('`');
        let applied = connection.execute_batch(index);
        assert!(
            applied.is_ok(),
            "{}: {index}: {applied:?}",
            method.name.source
        );
    }

    let after = scans_of(catalog, method);
    trusted("ROLLBACK TO indexes; RELEASE indexes").expect("rolls back");
    assert!(
        after.len() + warnings.len() <= before.len(),
        "`{}` still reads whole tables: {after:?}",
        method.written
    );
}
