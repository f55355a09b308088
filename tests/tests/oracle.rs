//! The oracle: what the analysis promises of a query, against what real SQLite does.
//!
//! Every query of `cases/sql` and of the example runs over random databases that their schema permits:
//! empty tables, NULLs wherever they are allowed, extremes. A value that contradicts its inferred type,
//! or a NULL where none was promised, is a failure. Beside it the other way round: how many of the
//! columns that may be NULL were seen so, for a promise of nothing is always kept.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;

use bindery_codegen::model::{Database, Method};
use bindery_codegen::sql::parameters::Rust;
use bindery_codegen::{Errors, Sources, compile, source};
use bindery_sqlite::rusqlite::types::Value;
use bindery_sqlite::rusqlite::{self, Connection};

/// Random databases for each case.
const DATABASES: u64 = 120;
/// Rows that are looked at of one run.
const MOST_ROWS: u32 = 200;
/// Runs of each query over one of them.
const RUNS: usize = 4;

/// A generator that gives the same numbers on every machine (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn integer(&mut self) -> i64 {
        let extremes = [0, 1, -1, i64::from(i32::MAX), 9_007_199_254_740_991, -9_007_199_254_740_991];
        if self.one_in(6) { extremes[self.below(6) as usize] } else { self.below(12) as i64 - 2 }
    }

    fn text(&mut self) -> String {
        let texts = [
            "",
            "a",
            "b",
            "x",
            "ann",
            "Ann",
            "10",
            "1.5",
            "\u{1F600}",
            "{\"a\": [1, null]}",
            "[1, \"x\", null]",
            "%",
            "2024-02-30",
        ];
        texts[self.below(texts.len() as u64) as usize].to_owned()
    }

    /// A value of a type that a column or a parameter was given.
    fn of(&mut self, rust: Rust) -> Value {
        match rust {
            Rust::Integer => Value::Integer(self.integer()),
            Rust::Boolean => Value::Integer(self.below(2) as i64),
            Rust::Float => Value::Real([0.0, -1.5, 1e300, 0.1][self.below(4) as usize]),
            Rust::Text | Rust::Choice(_) => Value::Text(self.text()),
            Rust::Blob => Value::Blob(vec![0, 255][..self.below(3) as usize].to_vec()),
            Rust::Any => {
                let kinds = [Rust::Integer, Rust::Float, Rust::Text, Rust::Blob];
                let kind = kinds[self.below(4) as usize];
                self.of(kind)
            }
        }
    }
}

/// What was seen of a column that may be NULL.
struct Column {
    name: String,
    reason: &'static str,
    seen_null: bool,
}

#[derive(Default)]
struct Tally {
    values: u64,
    contradictions: Vec<String>,
    nullable: Vec<Column>,
}

/// Fills every table with random rows; those that a constraint refuses are left out.
fn fill(random: &mut Random, database: &Database, connection: &Connection) {
    for table in database.catalog.tables.iter().filter(|table| table.kind == bindery_codegen::schema::TableKind::Table) {
        if table.name.starts_with("sqlite_") {
            continue;
        }
        let columns: Vec<_> = table.columns.iter().filter(|column| !column.generated && !column.hidden).collect();
        let names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let marks = vec!["?"; columns.len()].join(", ");
        let insert = format!("INSERT OR IGNORE INTO \"{}\" ({}) VALUES ({marks})", table.name, names.join(", "));
        for _ in 0..random.below(8) {
            let values: Vec<Value> = columns
                .iter()
                .map(|column| {
                    if !column.not_null && random.one_in(3) {
                        return Value::Null;
                    }
                    if ["DATE", "TIME", "DATETIME", "TIMESTAMP"].contains(&column.declared.to_uppercase().as_str()) {
                        // Their affinity would make a number of a text such as '10', which the docs say is an
                        // error when it is read: a promise of the schema's author.
                        return Value::Text("2024-02-30 10:00:00".to_owned());
                    }
                    let (storage, domain) = bindery_codegen::sql::types::declared(&column.declared, column.strict);
                    random.of(Rust::of(storage, domain))
                })
                .collect();
            // A CHECK or a foreign key may refuse the row: then it is one that the schema does not permit.
            let _ = connection.execute(&insert, rusqlite::params_from_iter(values));
        }
    }
}

/// A parameter as D1 binds it: every number is REAL.
fn argument(random: &mut Random, method: &Method, index: usize) -> Value {
    let parameter = &method.query.parameters[index];
    if parameter.nullable && random.one_in(3) {
        return Value::Null;
    }
    if parameter.list {
        let items: Vec<String> = (0..random.below(4))
            .map(|_| match random.of(parameter.rust) {
                Value::Integer(value) => value.to_string(),
                Value::Real(value) => format!("{value:?}"),
                Value::Text(text) => format!("{text:?}").replace("\\u{1f600}", "x"),
                _ => "null".to_owned(),
            })
            .collect();
        return Value::Text(format!("[{}]", items.join(",")));
    }
    match random.of(parameter.rust) {
        Value::Integer(value) => Value::Real(value as f64),
        other => other,
    }
}

/// Whether a stored value is one of the inferred type, as the decoder would read it.
fn fits(rust: Rust, value: &Value) -> bool {
    const SAFE: f64 = 9_007_199_254_740_991.0;
    match (rust, value) {
        (Rust::Any, _) | (Rust::Float, Value::Integer(_) | Value::Real(_)) => true,
        (Rust::Boolean, Value::Integer(0 | 1))
        | (Rust::Text | Rust::Choice(_), Value::Text(_))
        | (Rust::Blob, Value::Blob(_)) => true,
        // What overflows 2^53 is an error of its own, told when it is read.
        (Rust::Integer, Value::Integer(_)) => true,
        (Rust::Integer, Value::Real(value)) => value.fract() == 0.0 || value.abs() > SAFE,
        _ => false,
    }
}

fn judge(random: &mut Random, method: &Method, connection: &Connection, tally: &mut Tally, first: usize) {
    let Ok(mut statement) = connection.prepare_cached(&method.query.sql) else {
        tally.contradictions.push(format!("{}: it does not prepare", method.name.field));
        return;
    };
    let arguments: Vec<Value> = (0..method.query.parameters.len()).map(|index| argument(random, method, index)).collect();
    let Ok(mut rows) = statement.query(rusqlite::params_from_iter(arguments)) else { return };
    // A recursive query may have no end. An error while it runs (an overflow, malformed JSON) is an
    // error to the caller, too.
    let mut count = 0;
    while let Ok(Some(row)) = rows.next() {
        count += 1;
        if count > MOST_ROWS {
            break;
        }
        for (index, column) in method.query.columns.iter().enumerate() {
            let value: Value = row.get(index).expect("the column is there");
            tally.values += 1;
            let place = format!("{}.{}", method.name.field, column.name);
            let overridden = column.as_type.is_some() || column.nullable != column.ty.nullable;
            match value {
                // An infinity divided by itself is no number, which is NULL to SQLite: told when it is read.
                Value::Null if !column.ty.nullable && !overridden => tally.contradictions.push(format!("{place} is NULL")),
                Value::Null => tally.nullable[first + index].seen_null = true,
                value if !fits(column.rust, &value) => {
                    tally.contradictions.push(format!("{place} is {value:?}, not {}", column.rust.describe()));
                }
                _ => {}
            }
        }
    }
}

fn run(tally: &mut Tally, manifest: &Path) {
    let mut errors = Errors::default();
    let mut sources = Sources::default();
    let project = compile(&mut errors, &mut sources, manifest).expect("the case compiles");
    assert!(errors.is_empty(), "{:?}", errors.render(&sources));
    for bound in &project.bindings {
        let Some(database) = &bound.database else { continue };
        let mut offsets = Vec::new();
        for method in &database.methods {
            offsets.push(tally.nullable.len());
            tally.nullable.extend(method.query.columns.iter().map(|column| Column {
                name: format!("{}.{}", method.name.field, column.name),
                reason: if column.ty.nullable { column.ty.reason.unwrap_or_default() } else { "" },
                seen_null: false,
            }));
        }
        for seed in 0..DATABASES {
            let mut random = Random(seed);
            for (method, first) in database.methods.iter().zip(&offsets) {
                for _ in 0..RUNS {
                    let world = bindery_sqlite::Database::in_memory().expect("opens");
                    let connection = world.connection();
                    for migration in &database.catalog.migrations {
                        connection.execute_batch(&sources.file(migration.file).text).expect("the migration applies");
                    }
                    fill(&mut random, database, connection);
                    judge(&mut random, method, connection, tally, *first);
                    if method.query.reads_only {
                        for _ in 1..RUNS {
                            judge(&mut random, method, connection, tally, *first);
                        }
                        break;
                    }
                }
            }
        }
    }
}

#[test]
fn nothing_contradicts_an_inferred_type() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tally = Tally::default();
    for case in source::folders(&root.join("cases/sql")) {
        run(&mut tally, &root.join("cases/sql").join(case).join("wrangler.toml"));
    }
    run(&mut tally, &root.join("../examples/files/wrangler.toml"));
    run(&mut tally, &root.join("conformance/wrangler.jsonc"));
    tally.contradictions.sort();
    tally.contradictions.dedup();
    assert!(tally.contradictions.is_empty(), "{:#?}", tally.contradictions);
    assert!(tally.values > 50_000, "only {} values were seen", tally.values);
    let nullable: Vec<&Column> = tally.nullable.iter().filter(|column| !column.reason.is_empty()).collect();
    let never: Vec<String> =
        nullable.iter().filter(|column| !column.seen_null).map(|column| format!("{} ({})", column.name, column.reason)).collect();
    // Options that no database needed: each is looked at when this list changes.
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "../cases" }, {
        insta::assert_snapshot!("options_never_seen_null", never.join("\n"));
    });
    assert!(never.len() * 5 < nullable.len(), "of {} Options, {} were never NULL", nullable.len(), never.len());
}
