//! The oracle: compares what the analysis infers about a query with what SQLite returns.
//!
//! Every query of `cases/sql` and of the examples, and thousands of generated ones, run over random
//! databases that their schema permits: empty tables, NULL wherever it is allowed, extreme values,
//! values of any type where the table allows them. A value that contradicts its inferred type, or a
//! NULL in a column that is inferred as NOT NULL, fails the test. An analysis that inferred every
//! column as nullable would never fail, so the test also counts the nullable columns that were NULL
//! at least once.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and reports its statistics"
)]

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use bindery_codegen::model::Database;
use bindery_codegen::report::{Code, Severity};
use bindery_codegen::schema::{Catalog, Table, TableKind};
use bindery_codegen::sql::{self, Query, ScalarType};
use bindery_codegen::{Errors, Sources, compile, source};
use bindery_tests::generator::{ARITHMETIC, Generator, Relation};
use bindery_tests::oracle::{RandomDatabase, Subject, Tally, empty_database};
use bindery_tests::random::Random;
use bindery_tests::random_database::{Contents, fill_tables};

/// The random databases for each case.
const DATABASES: u64 = 120;
/// The runs of each query over one database.
const RUNS: usize = 4;

/// The random databases that generated queries share.
const SHARED_DATABASES: u64 = 48;
/// The runs of each generated query, each over one of them.
const GENERATED_RUNS: usize = 16;
/// The workers that run generated queries.
const WORKERS: u64 = 2;

#[test]
fn no_value_contradicts_its_inferred_type() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tally = Tally::default();
    for case in source::folders(&root.join("cases/sql")) {
        let folder = root.join("cases/sql").join(case);
        run_project(&mut tally, &folder.join("wrangler.toml"));
    }
    run_project(&mut tally, &root.join("../examples/files/wrangler.toml"));
    run_project(&mut tally, &root.join("conformance/wrangler.jsonc"));

    let Tally {
        values,
        contradictions,
        ..
    } = &mut tally;
    contradictions.sort();
    contradictions.dedup();
    assert!(contradictions.is_empty(), "{contradictions:#?}");
    assert!(*values > 50_000, "only {values} values were read");

    let nullable = tally.nullable();
    let never: Vec<String> = nullable
        .iter()
        .filter(|column| !column.seen_null)
        .map(|column| format!("{} ({})", column.name, column.reason))
        .collect();
    // Review a change of this list: each entry is an `Option` that may be unnecessary.
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "../cases" }, {
        insta::assert_snapshot!("options_never_seen_null", never.join("\n"));
    });
    assert!(
        never.len() * 5 < nullable.len(),
        "{} of {} nullable columns were never NULL",
        never.len(),
        nullable.len()
    );
}

#[test]
fn no_value_contradicts_the_type_inferred_for_a_generated_query() {
    let wanted = number_from_environment("BINDERY_ORACLE_QUERIES", 20_000);
    let seed = number_from_environment("BINDERY_ORACLE_SEED", 1);
    let all = std::thread::scope(|scope| {
        let run = |worker| move || run_generated_queries(seed * WORKERS + worker, wanted / WORKERS);
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| scope.spawn(run(worker)))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("the worker ends"))
            .reduce(Generated::add)
            .unwrap_or_default()
    });

    let refused: u64 = all.refused.values().map(|(count, _)| count).sum();
    let Generated {
        written,
        accepted,
        rows,
        values,
        compared,
        nullable,
        seen_null,
        ..
    } = all;
    eprintln!(
        "{accepted} queries of {written}, {rows} rows, {values} values; {compared} results compared \
         with those of the statement as written; {seen_null} of {nullable} nullable columns were \
         NULL; refused: {refused}"
    );
    if std::env::var_os("BINDERY_ORACLE_TELL").is_some() {
        print_refusals(&all.refused);
    }

    let mut contradictions = all.contradictions;
    contradictions.sort_by_key(String::len);
    let shortest = contradictions[..contradictions.len().min(12)].join("\n");
    assert!(
        contradictions.is_empty(),
        "{} contradictions\n{shortest}",
        contradictions.len()
    );
    assert!(
        refused * 10 < written,
        "{refused} of {written} queries were refused"
    );
    assert!(rows > 50 * wanted, "only {rows} rows were read");
    assert!(compared > wanted, "only {compared} results were compared");
}

/// Returns the number in an environment variable.
fn number_from_environment(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(default)
}

/// Prints the most frequent reasons to refuse a generated query, each with an example.
fn print_refusals(refused: &BTreeMap<String, (u64, String)>) {
    let mut refused: Vec<_> = refused.iter().collect();
    refused.sort_by_key(|(_, (count, _))| Reverse(*count));
    for (reason, (count, example)) in refused.iter().take(25) {
        let example: String = example.chars().take(300).collect();
        eprintln!("{count:6} {reason}\n       {example}");
    }
}

/// Every fourth database contains values of any type.
fn contents(number: u64) -> Contents {
    if number % 4 == 3 {
        Contents::AnyType
    } else {
        Contents::Declared
    }
}

// Queries of projects

/// Runs every query of a project.
fn run_project(tally: &mut Tally, manifest: &Path) {
    let mut errors = Errors::default();
    let mut sources = Sources::default();
    let project = compile(&mut errors, &mut sources, manifest, None).expect("the case compiles");
    assert!(errors.is_empty(), "{:?}", errors.render(&sources));

    for bound in &project.bindings {
        if let Some(database) = &bound.database {
            run_methods(tally, &sources, database);
        }
    }
}

/// Runs every query of a database over random contents.
fn run_methods(tally: &mut Tally, sources: &Sources, database: &Database) {
    let catalog = &database.catalog;
    let mut subjects = Vec::new();
    for method in &database.methods {
        let (name, text) = (&method.name.field, &method.written);
        // The analysis warns of a write that can store what later reads cannot decode.
        let analyzed = analyze(&mut Sources::default(), catalog, text);
        let subject = Subject::new(tally, name, text, &method.query);
        subjects.push(subject.keeps_types(analyzed.is_ok_and(|(_, keeps_types)| keeps_types)));
    }

    for seed in 0..DATABASES {
        let mut random = Random(seed);
        let contents = contents(seed);
        let filled = empty_database(sources, database).expect("the migrations apply");
        fill_tables(&mut random, catalog, filled.connection(), contents).expect("fills");
        let filled = RandomDatabase::new(filled, contents).expect("sets a limit");

        for subject in &subjects {
            for _ in 0..RUNS {
                filled.observe(&mut random, catalog, subject, tally);
            }
        }
    }
}

// Generated queries

/// The results of a run over generated queries.
#[derive(Default)]
struct Generated {
    written: u64,
    accepted: u64,
    rows: u64,
    values: u64,
    compared: u64,
    nullable: usize,
    seen_null: usize,
    /// How many queries were refused for each reason, and the first of them.
    refused: BTreeMap<String, (u64, String)>,
    contradictions: Vec<String>,
}

impl Generated {
    fn add(mut self, other: Self) -> Self {
        self.written += other.written;
        self.accepted += other.accepted;
        self.rows += other.rows;
        self.values += other.values;
        self.compared += other.compared;
        self.nullable += other.nullable;
        self.seen_null += other.seen_null;
        self.contradictions.extend(other.contradictions);
        for (reason, (count, example)) in other.refused {
            self.refused.entry(reason).or_insert((0, example)).0 += count;
        }
        self
    }
}

/// Generates queries until the analysis has accepted `wanted`, and runs each of them.
fn run_generated_queries(seed: u64, wanted: u64) -> Generated {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle/wrangler.toml");
    let mut errors = Errors::default();
    let mut sources = Sources::default();
    let project = compile(&mut errors, &mut sources, &manifest, None).expect("the schema compiles");
    assert!(errors.is_empty(), "{:?}", errors.render(&sources));

    let database = project.bindings[0].database.as_ref().expect("a database");
    let catalog = &database.catalog;
    let relations: Vec<Relation> = catalog
        .tables
        .iter()
        .filter(|table| !table.name.starts_with("sqlite_"))
        .map(relation)
        .collect();
    let databases = shared_databases(&sources, database, seed);

    let mut generator = Generator::new(seed, &relations);
    let mut random = Random(seed ^ 0xABCD);
    let mut tally = Tally::default();
    let mut results = Generated::default();
    while results.accepted < wanted {
        let text = generator.statement();
        // The metric is what the analysis refuses of the statements that SQLite accepts.
        if catalog.database.connection().prepare(&text).is_err() {
            continue;
        }
        results.written += 1;
        let (query, keeps_types) = match analyze(&mut sources, catalog, &text) {
            Ok(analyzed) => analyzed,
            Err(reason) => {
                results.refused.entry(reason).or_insert((0, text)).0 += 1;
                continue;
            }
        };
        results.accepted += 1;

        let subject = Subject::new(&mut tally, "", &text, &query)
            .comparable(generator.is_comparable)
            .keeps_types(keeps_types);
        for _ in 0..GENERATED_RUNS {
            let database = &databases[random.below(databases.len())];
            database.observe(&mut random, catalog, &subject, &mut tally);
        }

        if generator.is_comparable {
            let narrowed = narrowed_parameter(&mut sources, catalog, &text, &query);
            tally.contradictions.extend(narrowed);
        }
        if let Some(contradiction) = tally.contradictions.first() {
            let contradiction = format!("{text}\n    {contradiction}");
            results.contradictions.push(contradiction);
        }
        tally.contradictions.clear();
    }

    let nullable = tally.nullable();
    results.rows = tally.rows;
    results.values = tally.values;
    results.compared = tally.compared;
    results.nullable = nullable.len();
    results.seen_null = nullable.iter().filter(|column| column.seen_null).count();
    results
}

/// Analyzes a query. Returns it, and whether what it writes has the declared types: the analysis
/// warns of a value that may not. The error is the first line of the first diagnostic.
fn analyze(sources: &mut Sources, catalog: &Catalog, text: &str) -> Result<(Query, bool), String> {
    let name = "generated".to_owned();
    let file = sources.add(name, Path::new("").to_owned(), text.to_owned());
    let mut errors = Errors::default();
    let query = sql::analyze(&mut errors, catalog, text, sources.whole(file));
    if errors.is_empty()
        && let Some(query) = query
    {
        let sorted = errors.sorted();
        let warnings = sorted.iter().filter(|diagnostic| {
            diagnostic.code == Code::StoredType && diagnostic.severity == Severity::Warning
        });
        let messages: Vec<&str> = warnings.map(|warning| warning.message.as_str()).collect();
        if messages
            .iter()
            .any(|message| message.contains("primary key"))
        {
            return Err("the statement can store NULL in a primary key".to_owned());
        }
        return Ok((query, messages.is_empty()));
    }

    let rendered = errors.render(sources);
    let line = rendered.first().and_then(|error| error.lines().next());
    Err(line.unwrap_or_default().to_owned())
}

/// Describes a parameter that accepts fractions only without the arithmetic around it, if there is
/// one.
fn narrowed_parameter(
    sources: &mut Sources,
    catalog: &Catalog,
    text: &str,
    query: &Query,
) -> Option<String> {
    let plain = ARITHMETIC
        .iter()
        .fold(text.to_owned(), |plain, part| plain.replace(part, ""));
    if plain == text {
        return None;
    }

    let (plain, _) = analyze(sources, catalog, &plain).ok()?;
    let mut parameters = query.parameters.iter().zip(&plain.parameters);
    let (narrowed, _) = parameters.find(|(parameter, plain)| {
        plain.scalar == ScalarType::Float && parameter.scalar != ScalarType::Float
    })?;
    let ty = narrowed.scalar.describe();
    Some(format!(
        "`{}` is {ty}, but f64 without arithmetic",
        narrowed.name
    ))
}

/// Returns the databases that generated queries share. The first four stay empty.
fn shared_databases(sources: &Sources, database: &Database, seed: u64) -> Vec<RandomDatabase> {
    let mut databases = Vec::new();
    for number in 0..SHARED_DATABASES {
        let contents = contents(number);
        let filled = empty_database(sources, database).expect("the migrations apply");
        if number >= 4 {
            let mut random = Random(seed * SHARED_DATABASES + number);
            let connection = filled.connection();
            fill_tables(&mut random, &database.catalog, connection, contents).expect("fills");
        }
        databases.push(RandomDatabase::new(filled, contents).expect("sets a limit"));
    }
    databases
}

fn relation(table: &Table) -> Relation {
    let columns = table.columns.iter().map(|column| column.name.clone());
    let writable = table
        .columns
        .iter()
        .filter(|column| !column.generated && !column.hidden)
        .map(|column| column.name.clone());
    Relation {
        name: table.name.clone(),
        columns: columns.collect(),
        writable: if table.kind == TableKind::Table {
            writable.collect()
        } else {
            Vec::new()
        },
    }
}
