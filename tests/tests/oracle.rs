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

use bindery_codegen::model::{Database, Method};
use bindery_codegen::schema::{Catalog, Table, TableKind};
use bindery_codegen::sql::{self, Query};
use bindery_codegen::{Errors, Sources, compile, source};
use bindery_sqlite::rusqlite::types::{Value, ValueRef};
use bindery_sqlite::rusqlite::{self, Connection};
use bindery_tests::generator::{Generator, Relation};
use bindery_tests::random::Random;
use bindery_tests::random_database::{Contents, contradiction, fill_tables, random_argument};

/// The random databases for each case.
const DATABASES: u64 = 120;
/// The rows that a run reads at most.
const MOST_ROWS: u32 = 500;
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
        nullable,
        seen_null,
        ..
    } = all;
    eprintln!(
        "{accepted} queries of {written}, {rows} rows, {values} values; {seen_null} of {nullable} \
         nullable columns were NULL; refused: {refused}"
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
        eprintln!("{count:6} {reason}\n       {example}");
    }
}

// Runs and what they read

/// A column of a query.
struct Column {
    name: String,
    /// Why it is inferred as nullable. Empty if it is not.
    reason: String,
    seen_null: bool,
}

/// The results of all runs.
#[derive(Default)]
struct Tally {
    rows: u64,
    values: u64,
    contradictions: Vec<String>,
    columns: Vec<Column>,
}

impl Tally {
    /// Adds the columns of a query. Returns the index of the first one.
    fn add_columns(&mut self, name: &str, query: &Query) -> usize {
        let first = self.columns.len();
        for column in &query.columns {
            let reason = column.ty.reason.as_deref();
            let reason = reason.filter(|_| column.ty.nullable).unwrap_or_default();
            self.columns.push(Column {
                name: format!("{name}.{}", column.name),
                reason: reason.to_owned(),
                seen_null: false,
            });
        }
        first
    }

    fn nullable(&self) -> Vec<&Column> {
        self.columns
            .iter()
            .filter(|column| !column.reason.is_empty())
            .collect()
    }
}

/// A query and the index of its first column in the tally.
struct Subject<'a> {
    name: &'a str,
    query: &'a Query,
    first: usize,
}

/// A database with the migrations applied and its tables filled.
struct RandomDatabase {
    database: bindery_sqlite::Database,
    contents: Contents,
}

/// Runs a query once, and checks every value against the inferred type of its column.
fn run_once(
    random: &mut Random,
    catalog: &Catalog,
    subject: &Subject<'_>,
    (connection, contents): (&Connection, Contents),
    tally: &mut Tally,
) {
    let Subject { name, query, first } = subject;
    let Ok(mut statement) = connection.prepare_cached(&query.sql) else {
        let contradiction = format!("{name}: it does not prepare");
        tally.contradictions.push(contradiction);
        return;
    };

    let as_real = random.one_in(2);
    let arguments: Vec<Value> = query
        .parameters
        .iter()
        .map(|parameter| random_argument(random, catalog, parameter, as_real))
        .collect();
    let Ok(mut rows) = statement.query(rusqlite::params_from_iter(&arguments)) else {
        return;
    };

    // The loop ends at an error (an overflow, malformed JSON), which the caller would get, too. The
    // limit ends recursive queries that would never finish.
    let mut count = 0;
    while let Ok(Some(row)) = rows.next() {
        count += 1;
        if count > MOST_ROWS {
            break;
        }
        tally.rows += 1;
        for (index, column) in query.columns.iter().enumerate() {
            // A BLOB that was cast is TEXT, even if it is not valid UTF-8.
            let value = match row.get_ref(index).expect("the column exists") {
                ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
                other => Value::try_from(other).expect("the value converts"),
            };
            tally.values += 1;
            if let Some(contradiction) = contradiction(column, &value, contents) {
                let contradiction = format!("{name}.{} is {contradiction}", column.name);
                tally.contradictions.push(contradiction);
            } else if value == Value::Null {
                tally.columns[first + index].seen_null = true;
            }
        }
    }

    let most = match query.rows {
        sql::Rows::None | sql::Rows::Never => 0,
        sql::Rows::One | sql::Rows::AtMostOne => 1,
        sql::Rows::Many => u32::MAX,
    };
    if count > most {
        let contradiction = format!("{name} returns {count} rows");
        tally.contradictions.push(contradiction);
    }
}

/// Runs a function and rolls back what it writes.
fn with_rollback(database: &bindery_sqlite::Database, run: impl FnOnce()) {
    database
        .trusted(|connection| connection.execute_batch("BEGIN"))
        .expect("begins");
    run();
    // An error may have rolled back already.
    let _done = database.trusted(|connection| connection.execute_batch("ROLLBACK"));
}

/// Returns an empty database with every migration applied.
fn empty_database(sources: &Sources, database: &Database) -> bindery_sqlite::Database {
    let empty = bindery_sqlite::Database::in_memory().expect("opens");
    let baseline = sources
        .files()
        .find(|file| Some(&file.name) == database.baseline.as_ref());
    if let Some(file) = baseline {
        let failures = bindery_sqlite::migrations::baseline(&empty, &file.text);
        assert!(failures.is_empty(), "{failures:?}");
    }

    for migration in &database.catalog.migrations {
        let text = &sources.file(migration.file).text;
        empty
            .connection()
            .execute_batch(text)
            .expect("the migration applies");
    }
    empty
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
    let mut subjects = Vec::new();
    for Method { name, query, .. } in &database.methods {
        let name = &name.field;
        let first = tally.add_columns(name, query);
        subjects.push(Subject { name, query, first });
    }

    let catalog = &database.catalog;
    for seed in 0..DATABASES {
        let mut random = Random(seed);
        let contents = contents(seed);
        let filled = empty_database(sources, database);
        let connection = filled.connection();
        fill_tables(&mut random, catalog, connection, contents).expect("fills");

        for subject in &subjects {
            for _ in 0..RUNS {
                let on = (connection, contents);
                let mut run = || run_once(&mut random, catalog, subject, on, tally);
                if subject.query.reads_only {
                    run();
                } else {
                    with_rollback(&filled, run);
                }
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
        results.written += 1;
        let text = generator.statement();
        let query = match analyze(&mut sources, catalog, &text) {
            Ok(query) => query,
            Err(reason) => {
                results.refused.entry(reason).or_insert((0, text)).0 += 1;
                continue;
            }
        };
        results.accepted += 1;

        let first = tally.add_columns("", &query);
        let subject = Subject {
            name: "",
            query: &query,
            first,
        };
        // A statement that writes an expression may store a value of another type than the
        // column's.
        let keeps_types = query.reads_only || generator.writes_arguments;
        for _ in 0..GENERATED_RUNS {
            let RandomDatabase { database, contents } = &databases[random.below(databases.len())];
            let contents = if keeps_types {
                *contents
            } else {
                Contents::AnyType
            };
            let on = (database.connection(), contents);
            let mut run = || run_once(&mut random, catalog, &subject, on, &mut tally);
            if query.reads_only {
                run();
            } else {
                with_rollback(database, run);
            }
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
    results.nullable = nullable.len();
    results.seen_null = nullable.iter().filter(|column| column.seen_null).count();
    results
}

/// Analyzes a query. The error is the first line of the first diagnostic.
fn analyze(sources: &mut Sources, catalog: &Catalog, text: &str) -> Result<Query, String> {
    let name = "generated".to_owned();
    let file = sources.add(name, Path::new("").to_owned(), text.to_owned());
    let mut errors = Errors::default();
    let query = sql::analyze(&mut errors, catalog, text, sources.whole(file));
    if errors.is_empty()
        && let Some(query) = query
    {
        return Ok(query);
    }

    let rendered = errors.render(sources);
    let line = rendered.first().and_then(|error| error.lines().next());
    Err(line.unwrap_or_default().to_owned())
}

/// Returns the databases that generated queries share. The first four stay empty.
fn shared_databases(sources: &Sources, database: &Database, seed: u64) -> Vec<RandomDatabase> {
    let mut databases = Vec::new();
    for number in 0..SHARED_DATABASES {
        let contents = contents(number);
        let filled = empty_database(sources, database);
        if number >= 4 {
            let mut random = Random(seed * SHARED_DATABASES + number);
            let connection = filled.connection();
            fill_tables(&mut random, &database.catalog, connection, contents).expect("fills");
        }
        databases.push(RandomDatabase {
            database: filled,
            contents,
        });
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
