//! The oracle: what the analysis promises of a query, against what real SQLite does.
//!
//! Every query of `cases/sql` and of the examples, and thousands that a generator writes, run over random
//! databases that their schema permits: empty tables, NULLs wherever they are allowed, extremes, values of any
//! type where the table allows them. A value that contradicts its inferred type, or a NULL where none was
//! promised, is a failure. Beside it the other way round: how many of the columns that may be NULL were seen so,
//! for a promise of nothing is always kept.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and tells its figures"
)]

use std::collections::BTreeMap;
use std::path::Path;

use bindery_codegen::model::Database;
use bindery_codegen::schema::{Catalog, TableKind};
use bindery_codegen::sql::{self, Query};
use bindery_codegen::{Errors, Sources, compile, source};
use bindery_sqlite::rusqlite::types::{Value, ValueRef};
use bindery_sqlite::rusqlite::{self, Connection};
use bindery_tests::generator::{Generator, Relation};
use bindery_tests::random::Random;
use bindery_tests::world::{Stored, argument, contradiction, fill};

/// Random databases for each case.
const DATABASES: u64 = 120;
/// Rows that are looked at of one run.
const MOST_ROWS: u32 = 500;
/// Runs of each query over one of them.
const RUNS: usize = 4;

/// What was seen of a column that may be NULL.
struct Column {
    name: String,
    reason: String,
    seen_null: bool,
}

#[derive(Default)]
struct Tally {
    rows: u64,
    values: u64,
    contradictions: Vec<String>,
    nullable: Vec<Column>,
}

/// Runs a query once, and compares every value with what was inferred of its column.
fn judge(
    random: &mut Random,
    catalog: &Catalog,
    name: &str,
    query: &Query,
    world: (&Connection, Stored),
    tally: &mut Tally,
    first: usize,
) {
    let (connection, stored) = world;
    let Ok(mut statement) = connection.prepare_cached(&query.sql) else {
        tally
            .contradictions
            .push(format!("{name}: it does not prepare"));
        return;
    };
    let as_real = random.one_in(2);
    let arguments: Vec<Value> = query
        .parameters
        .iter()
        .map(|parameter| argument(random, catalog, parameter, as_real))
        .collect();
    let Ok(mut rows) = statement.query(rusqlite::params_from_iter(&arguments)) else {
        return;
    };
    // A recursive query may have no end. An error while it runs (an overflow, malformed JSON) is an
    // error to the caller, too.
    let mut count = 0;
    while let Ok(Some(row)) = rows.next() {
        count += 1;
        if count > MOST_ROWS {
            break;
        }
        tally.rows += 1;
        for (index, column) in query.columns.iter().enumerate() {
            // A BLOB that was cast is TEXT, whatever its bytes.
            let value = match row.get_ref(index).expect("the column is there") {
                ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
                other => Value::try_from(other).expect("a value"),
            };
            tally.values += 1;
            if let Some(told) = contradiction(column, &value, stored) {
                tally
                    .contradictions
                    .push(format!("{name}.{} is {told}", column.name));
            } else if value == Value::Null {
                tally.nullable[first + index].seen_null = true;
            }
        }
    }
    let most = match query.rows {
        sql::Rows::None | sql::Rows::Never => 0,
        sql::Rows::One | sql::Rows::AtMostOne => 1,
        sql::Rows::Many => u32::MAX,
    };
    if count > most {
        tally
            .contradictions
            .push(format!("{name} gives {count} rows"));
    }
}

/// Makes room for what will be seen of a query's columns.
fn expect(tally: &mut Tally, name: &str, query: &Query) -> usize {
    let first = tally.nullable.len();
    tally.nullable.extend(query.columns.iter().map(|column| {
        Column {
            name: format!("{name}.{}", column.name),
            reason: column
                .ty
                .reason
                .as_deref()
                .filter(|_| column.ty.nullable)
                .unwrap_or_default()
                .to_owned(),
            seen_null: false,
        }
    }));
    first
}

/// An empty database with every migration applied.
fn empty(sources: &Sources, database: &Database) -> bindery_sqlite::Database {
    let world = bindery_sqlite::Database::in_memory().expect("opens");
    let Database {
        catalog, baseline, ..
    } = database;
    let baseline = sources
        .files()
        .find(|file| Some(&file.name) == baseline.as_ref());
    let failures = baseline
        .map(|file| bindery_sqlite::migrations::baseline(&world, &file.text))
        .unwrap_or_default();
    assert!(failures.is_empty(), "{failures:?}");
    for migration in &catalog.migrations {
        world
            .connection()
            .execute_batch(&sources.file(migration.file).text)
            .expect("the migration applies");
    }
    world
}

fn run(tally: &mut Tally, manifest: &Path) {
    let mut errors = Errors::default();
    let mut sources = Sources::default();
    let project = compile(&mut errors, &mut sources, manifest, None).expect("the case compiles");
    assert!(errors.is_empty(), "{:?}", errors.render(&sources));
    for bound in &project.bindings {
        let Some(database) = &bound.database else {
            continue;
        };
        let Database {
            catalog, methods, ..
        } = database;
        let firsts: Vec<usize> = methods
            .iter()
            .map(|method| expect(tally, &method.name.field, &method.query))
            .collect();
        for seed in 0..DATABASES {
            let mut random = Random(seed);
            let stored = if seed % 4 == 3 {
                Stored::Anything
            } else {
                Stored::AsDeclared
            };
            let readers = empty(&sources, database);
            fill(&mut random, catalog, readers.connection(), stored).expect("fills");
            for (method, first) in methods.iter().zip(&firsts) {
                let name = &method.name.field;
                if method.query.reads_only {
                    for _ in 0..RUNS {
                        judge(
                            &mut random,
                            catalog,
                            name,
                            &method.query,
                            (readers.connection(), stored),
                            tally,
                            *first,
                        );
                    }
                    continue;
                }
                for _ in 0..RUNS {
                    undone(&readers, || {
                        judge(
                            &mut random,
                            catalog,
                            name,
                            &method.query,
                            (readers.connection(), stored),
                            tally,
                            *first,
                        );
                    });
                }
            }
        }
    }
}

/// Runs something whose writes are undone.
fn undone(database: &bindery_sqlite::Database, work: impl FnOnce()) {
    database
        .trusted(|connection| connection.execute_batch("BEGIN"))
        .expect("begins");
    work();
    // An error may have rolled back already.
    let _done = database.trusted(|connection| connection.execute_batch("ROLLBACK"));
}

#[test]
fn nothing_contradicts_an_inferred_type() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tally = Tally::default();
    for case in source::folders(&root.join("cases/sql")) {
        run(
            &mut tally,
            &root.join("cases/sql").join(case).join("wrangler.toml"),
        );
    }
    run(&mut tally, &root.join("../examples/files/wrangler.toml"));
    run(&mut tally, &root.join("conformance/wrangler.jsonc"));
    tally.contradictions.sort();
    tally.contradictions.dedup();
    assert!(
        tally.contradictions.is_empty(),
        "{:#?}",
        tally.contradictions
    );
    assert!(
        tally.values > 50_000,
        "only {} values were seen",
        tally.values
    );
    let nullable: Vec<&Column> = tally
        .nullable
        .iter()
        .filter(|column| !column.reason.is_empty())
        .collect();
    let never: Vec<String> = nullable
        .iter()
        .filter(|column| !column.seen_null)
        .map(|column| format!("{} ({})", column.name, column.reason))
        .collect();
    // Options that no database needed: each is looked at when this list changes.
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "../cases" }, {
        insta::assert_snapshot!("options_never_seen_null", never.join("\n"));
    });
    assert!(
        never.len() * 5 < nullable.len(),
        "of {} Options, {} were never NULL",
        nullable.len(),
        never.len()
    );
}

/// Databases that every generated query can meet, and how many of them it does.
const WORLDS: u64 = 48;
const MEETS: usize = 16;

/// Queries that the generator writes; `BINDERY_ORACLE_QUERIES` asks for more, `BINDERY_ORACLE_SEED` for others.
fn asked(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(otherwise)
}

/// What a run over generated queries has seen.
#[derive(Default)]
struct Generated {
    written: u64,
    accepted: u64,
    rows: u64,
    values: u64,
    nullable: usize,
    seen_null: usize,
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
        for (told, (count, text)) in other.refused {
            self.refused.entry(told).or_insert((0, text)).0 += count;
        }
        self
    }
}

#[test]
fn nothing_contradicts_the_type_of_a_generated_query() {
    let wanted = asked("BINDERY_ORACLE_QUERIES", 20_000);
    let seed = asked("BINDERY_ORACLE_SEED", 1);
    // SQLite's work is most of it: a thread for each of the processors that every machine has.
    let all = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|worker| scope.spawn(move || generated(seed * 2 + worker, wanted / 2)))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("the worker ends"))
            .reduce(Generated::add)
            .unwrap_or_default()
    });
    let refused: u64 = all.refused.values().map(|(count, _)| count).sum();
    eprintln!(
        "{} queries of {}, {} rows, {} values; of {} columns that can be NULL {} were; refused: {refused}",
        all.accepted, all.written, all.rows, all.values, all.nullable, all.seen_null
    );
    if std::env::var_os("BINDERY_ORACLE_TELL").is_some() {
        let mut reasons: Vec<_> = all.refused.iter().collect();
        reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for (told, (count, text)) in reasons.iter().take(25) {
            eprintln!("{count:6} {told}\n       {text}");
        }
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
        refused * 10 < all.written,
        "of {} queries {refused} were refused",
        all.written
    );
    assert!(all.rows > 50 * wanted, "only {} rows were seen", all.rows);
}

fn generated(seed: u64, wanted: u64) -> Generated {
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
    let worlds: Vec<(bindery_sqlite::Database, Stored)> = (0..WORLDS)
        .map(|number| {
            let stored = if number % 4 == 3 {
                Stored::Anything
            } else {
                Stored::AsDeclared
            };
            let world = empty(&sources, database);
            // The first of each kind stays empty.
            if number >= 4 {
                fill(
                    &mut Random(seed * WORLDS + number),
                    catalog,
                    world.connection(),
                    stored,
                )
                .expect("fills");
            }
            (world, stored)
        })
        .collect();
    let mut generator = Generator::new(seed, &relations);
    let mut random = Random(seed ^ 0xABCD);
    let mut tally = Tally::default();
    let mut seen = Generated::default();
    while seen.accepted < wanted {
        seen.written += 1;
        let text = generator.statement();
        let file = sources.add(
            "generated".to_owned(),
            Path::new("").to_owned(),
            text.clone(),
        );
        let mut errors = Errors::default();
        let query = sql::analyze(&mut errors, catalog, &text, sources.whole(file))
            .filter(|_| errors.is_empty());
        let Some(query) = query else {
            let told = errors
                .render(&sources)
                .first()
                .and_then(|told| told.lines().next().map(str::to_owned));
            seen.refused
                .entry(told.unwrap_or_default())
                .or_insert((0, text))
                .0 += 1;
            continue;
        };
        seen.accepted += 1;
        let first = expect(&mut tally, "", &query);
        for _ in 0..MEETS {
            let (world, stored) = &worlds[random.below(worlds.len())];
            // What a statement itself writes may be of another type than its column's.
            let kept = query.reads_only || generator.writes_arguments;
            let stored = if kept { *stored } else { Stored::Anything };
            let mut run = || {
                judge(
                    &mut random,
                    catalog,
                    "",
                    &query,
                    (world.connection(), stored),
                    &mut tally,
                    first,
                )
            };
            if query.reads_only {
                run()
            } else {
                undone(world, run)
            }
        }
        if let Some(told) = tally.contradictions.first() {
            seen.contradictions.push(format!("{text}\n    {told}"));
        }
        tally.contradictions.clear();
    }
    seen.rows = tally.rows;
    seen.values = tally.values;
    seen.nullable = tally
        .nullable
        .iter()
        .filter(|column| !column.reason.is_empty())
        .count();
    seen.seen_null = tally
        .nullable
        .iter()
        .filter(|column| !column.reason.is_empty() && column.seen_null)
        .count();
    seen
}

fn relation(table: &bindery_codegen::schema::Table) -> Relation {
    let written = table
        .columns
        .iter()
        .filter(|column| !column.generated && !column.hidden)
        .map(|column| column.name.clone());
    Relation {
        name: table.name.clone(),
        columns: table
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect(),
        written: if table.kind == TableKind::Table {
            written.collect()
        } else {
            Vec::new()
        },
    }
}
