//! Compiles every folder of `cases/`.
//!
//! A case is a project: a manifest, migrations, queries. Its snapshot contains the output that a
//! user sees: the diagnostics, or the bindings and the inferred types of each query. To add a case,
//! add a folder.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use bindery_codegen::model::{Project, column_type};
use bindery_codegen::report::Code;
use bindery_codegen::sql::Query;
use bindery_codegen::{Errors, Sources, compile, report, source};

/// Returns the output that a user sees for a project.
fn see(folder: &Path, cache: Option<&Path>) -> String {
    let Some(manifest) = source::discover(folder) else {
        return "no manifest".to_owned();
    };
    let mut errors = Errors::default();
    let mut sources = Sources::default();
    if let Some(cache) = cache {
        sources.cache_in(cache.to_owned());
    }
    let project = compile(&mut errors, &mut sources, &manifest, None);
    let mut seen = String::new();
    for diagnostic in errors.sorted() {
        let _ = writeln!(seen, "{}\n", report::render(diagnostic, &sources));
    }
    if errors.is_empty()
        && let Some(project) = project
    {
        describe(&mut seen, &project);
    }
    seen
}

fn describe(seen: &mut String, project: &Project) {
    for bound in &project.bindings {
        let _ = writeln!(
            seen,
            "{}: {} ({}){}",
            bound.name.field,
            bound.name.ty,
            bound.name.source,
            if bound.optional { " optional" } else { "" }
        );
        for method in bound.database.iter().flat_map(|database| &database.methods) {
            let arguments: Vec<String> = method
                .query
                .parameters
                .iter()
                .map(|parameter| {
                    let list = if parameter.list { "[]" } else { "" };
                    let nullable = if parameter.nullable { "?" } else { "" };
                    format!(
                        "{}: {}{list}{nullable}",
                        parameter.name,
                        parameter.scalar.describe()
                    )
                })
                .collect();
            let _ = writeln!(
                seen,
                "\n  {}({}) :{}",
                method.name.field,
                arguments.join(", "),
                method.cardinality.word()
            );
            if method.query.sql != method.written {
                let _ = writeln!(
                    seen,
                    "    runs: {}",
                    method
                        .query
                        .sql
                        .split_whitespace()
                        .collect::<Vec<_>>()
                        .join(" ")
                );
            }
            describe_texts(seen, &method.query);
            for column in &method.query.columns {
                let ty = match &column.json {
                    Some(_) => column_type(column, &|number| format!("enum {number}")),
                    None => column
                        .as_type
                        .clone()
                        .unwrap_or_else(|| column.scalar.describe().to_owned()),
                };
                let nullable = if column.nullable { "?" } else { "" };
                let origin = column
                    .ty
                    .origin
                    .as_ref()
                    .map(|origin| format!("  from {origin}"))
                    .unwrap_or_default();
                let reason = column
                    .ty
                    .reason
                    .as_ref()
                    .filter(|_| column.nullable)
                    .map(|reason| format!("  ({reason})"))
                    .unwrap_or_default();
                let nest = match column.nest.as_ref().map(|nest| nest.key) {
                    Some(Some(_)) => "  in an optional struct",
                    Some(None) => "  in a struct",
                    None => "",
                };
                let _ = writeln!(
                    seen,
                    "    {}: {ty}{nullable}{origin}{reason}{nest}",
                    column.name
                );
            }
        }
    }
    for (name, var) in &project.vars {
        let optional = if var.optional { ", optional" } else { "" };
        let _ = writeln!(seen, "vars.{}: {:?}{optional}", name.field, var.ty);
    }
    for (name, optional) in &project.secrets {
        let _ = writeln!(
            seen,
            "secrets.{}{}",
            name.field,
            if *optional { " optional" } else { "" }
        );
    }
}

/// Adds the texts of a statement that the arguments determine, and their plans.
fn describe_texts(seen: &mut String, query: &Query) {
    let Some(template) = &query.template else {
        return;
    };
    let parameters = &query.parameters;
    let variants = template.variants(parameters);
    let _ = writeln!(seen, "    texts: {}", variants.len());
    for arms in variants.iter().take(8) {
        let (variant, sql) = (template.describe(arms, parameters), template.sql(arms));
        let words: Vec<&str> = sql.split_whitespace().collect();
        let _ = writeln!(seen, "      {variant}: {}", words.join(" "));
    }
    for plan in &template.plans {
        let steps: Vec<&str> = plan.plan.iter().map(|step| step.detail.as_str()).collect();
        let _ = writeln!(
            seen,
            "    plan of {}: {}",
            plan.variants.len(),
            steps.join("; ")
        );
    }
}

#[test]
fn cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut count = 0;
    for topic in source::folders(&root) {
        for case in source::folders(&root.join(&topic)) {
            let folder = root.join(&topic).join(&case);
            let mut settings = insta::Settings::clone_current();
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.set_snapshot_path(&folder);
            settings.bind(|| insta::assert_snapshot!("expected", see(&folder, None)));
            count += 1;
        }
    }
    assert!(count >= 20, "only {count} cases were found");
}

/// Every code has a page that explains it and a snapshot with its text. The output that a page
/// quotes is that of a snapshot.
#[test]
fn each_code_has_a_page_and_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = |path: &Path| {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let entries = |folder: &str| {
        fs::read_dir(root.join(folder))
            .expect("the folder can be read")
            .flatten()
    };
    let topics = source::folders(&root.join("tests/cases"));
    let cases = topics.into_iter().flat_map(|topic| {
        entries(&format!("tests/cases/{topic}")).map(|entry| entry.path().join("expected.snap"))
    });
    let ui = entries("tests/ui")
        .map(|entry| entry.path().join("fail.stderr"))
        .filter(|path| path.is_file());
    // What only the command line can find.
    let commands = entries("cli/tests/snapshots").map(|entry| entry.path());
    let seen = cases.chain(ui).chain(commands);
    let seen: String = seen.map(|path| text(&path)).collect();
    let index = text(&root.join("docs/errors/README.md"));
    let mut lacking = String::new();
    for code in Code::ALL {
        let (code, title, level) = (code.id(), code.title(), code.level().describe());
        let page =
            fs::read_to_string(root.join(format!("docs/errors/{code}.md"))).unwrap_or_default();
        if !page.starts_with(&format!("# {code}: {title}\n")) {
            let _ = writeln!(
                lacking,
                "{code} has no page `docs/errors/{code}.md` of that heading"
            );
        }
        for shown in page
            .split("```text\n")
            .skip(1)
            .filter_map(|rest| rest.split_once("\n```"))
            .map(|(shown, _)| shown)
        {
            if !seen.contains(shown) {
                let first = shown.lines().next().unwrap_or_default();
                let _ = writeln!(
                    lacking,
                    "{code}.md shows a text that is in no snapshot: {first}"
                );
            }
        }
        if !index.contains(&format!("[{code}]({code}.md) | {title} | {level} |")) {
            let _ = writeln!(
                lacking,
                "{code} is not in the table of `docs/errors/README.md`"
            );
        }
        if !seen.contains(&format!("[{code}]")) {
            let _ = writeln!(
                lacking,
                "{code} is in no snapshot: add a case in `tests/cases/errors` or `tests/ui`"
            );
        }
    }
    assert!(lacking.is_empty(), "{lacking}");
}

/// The expansion does not depend on time, the order of maps, or absolute paths.
#[test]
fn expansion_is_deterministic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/files");
    let emit = || {
        let mut errors = Errors::default();
        let mut sources = Sources::default();
        let project = compile(
            &mut errors,
            &mut sources,
            &folder.join("wrangler.toml"),
            None,
        )
        .expect("the example compiles");
        assert!(errors.is_empty(), "{:?}", errors.render(&sources));
        let target = bindery_codegen::emit::Target {
            krate: quote::quote!(::bindery),
            parse: bindery_codegen::emit::parse_text,
            visibility: quote::quote!(pub),
            ident: quote::format_ident!("Env"),
            attributes: quote::quote!(),
            module: quote::format_ident!("bindings"),
            base: String::new(),
            tracked: sources.files().map(|file| file.name.clone()).collect(),
            manifest_name: "wrangler.toml".to_owned(),
            environment: None,
        };
        let tokens = bindery_codegen::emit::environment(&project, &target);
        prettyplease::unparse(&syn::parse2(tokens).expect("the expansion is Rust"))
    };
    let first = emit();
    assert_eq!(first, emit());
    assert!(
        !first.contains(env!("CARGO_MANIFEST_DIR")),
        "an absolute path is in the output"
    );
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "../cases" }, {
        insta::assert_snapshot!("expansion_of_the_example", first);
    });
}

/// The cache changes neither types nor warnings nor their places. A damaged file is ignored.
#[test]
fn cache_does_not_change_the_output() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    let mut found = 0;
    for case in ["sql", "errors"]
        .iter()
        .map(|topic| root.join(topic))
        .flat_map(|topic| {
            source::folders(&topic)
                .into_iter()
                .map(move |name| topic.join(name))
        })
    {
        let _absent = fs::remove_dir_all(&folder);
        let first = see(&case, Some(&folder));
        assert_eq!(see(&case, None), first);
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            assert_eq!(see(&case, Some(&folder)), first);
            // A file of the right length with a block that was never written.
            let mut bytes = fs::read(entry.path()).expect("reads");
            let middle = bytes.len() / 2;
            let end = bytes.len().min(middle + 512);
            bytes[middle..end].fill(0xa5);
            fs::write(entry.path(), &bytes).expect("writes");
            assert_eq!(see(&case, Some(&folder)), first);
            fs::write(entry.path(), &bytes[..middle]).expect("writes");
            assert_eq!(see(&case, Some(&folder)), first);
            found += 1;
        }
    }
    assert!(found >= 20, "only {found} files were cached");
}

/// The line of a query is the current one, also if the query comes from the cache.
#[test]
fn cached_queries_have_their_current_lines() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/errors/full_scan");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lines");
    let _absent = fs::remove_dir_all(&folder);
    let queries = "queries/db/all.sql";
    for file in ["wrangler.toml", "migrations/0001_init.sql", queries] {
        let target = folder.join(file);
        fs::create_dir_all(target.parent().expect("a folder")).expect("creates");
        fs::copy(case.join(file), target).expect("copies");
    }

    let lines = || {
        let (mut errors, mut sources) = (Errors::default(), Sources::default());
        sources.cache_in(folder.join("cache"));
        let project = compile(
            &mut errors,
            &mut sources,
            &folder.join("wrangler.toml"),
            None,
        );
        let project = project.expect("the case compiles");
        let database = project.database("DB").expect("a database");
        let methods = database.methods.iter();
        methods.map(|method| method.line).collect::<Vec<_>>()
    };
    assert_eq!(lines(), [2, 4, 6]);
    let text = fs::read_to_string(folder.join(queries)).expect("reads");
    let files = || fs::read_dir(folder.join("cache")).expect("a cache").count();
    let cached = files();
    fs::write(folder.join(queries), format!("-- One.\n-- Two.\n\n{text}")).expect("writes");
    assert_eq!(lines(), [5, 7, 9]);
    assert_eq!(files(), cached, "the queries come from the cache");
}
