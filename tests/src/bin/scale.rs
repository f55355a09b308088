//! Measures the time and memory that the compiler needs for a large project, and how both grow.
//!
//! `cargo run -p bindery-tests --bin scale` uses the debug profile, as cargo does for proc-macros.
//! Each run is a separate process, so that its peak of memory is its own. The figures do not
//! include the time to pass the tokens to rustc.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use bindery_codegen::emit::{Target, environment};
use bindery_codegen::model::{self, Project};
use bindery_codegen::{Errors, Sources, compile, manifest, source};
use bindery_tests::synthetic::{self, Size};
use proc_macro2::{Ident, Span};
use quote::quote;

/// Runs of the whole compiler.
const RUNS: usize = 5;
/// Runs that measure each stage.
const STAGED_RUNS: usize = 4;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [] => tables(),
        // For a profiler: the project is not removed.
        ["write", folder] => synthetic::write(Path::new(folder), &Size::full()).map_err(Into::into),
        ["whole", folder] => cold(Path::new(folder)),
        ["warm", folder] => warm(Path::new(folder)),
        ["stages", folder] => stages(Path::new(folder)),
        _ => Err(
            "expected no arguments, or `write`, `whole`, `warm` or `stages` and a folder".into(),
        ),
    };

    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

// The measured processes

/// Runs the compiler with an empty cache.
fn cold(folder: &Path) -> Outcome<()> {
    let cache = folder.join("target");
    if cache.exists() {
        fs::remove_dir_all(&cache)?;
    }
    whole(folder, "whole", cache)
}

/// Runs the compiler after an edit of one query, with the cache of an earlier run.
fn warm(folder: &Path) -> Outcome<()> {
    let queries = folder.join("queries/db");
    let files = source::sql_files(&queries);
    let file = queries.join(files.first().ok_or("there are no queries")?);

    // An additional space, which does not change any statement.
    let edited = fs::read_to_string(&file)?.replacen("SELECT ", "SELECT  ", 1);
    fs::write(file, edited)?;
    whole(folder, "warm", folder.join("target"))
}

/// Runs the whole compiler as the macro does.
fn whole(folder: &Path, name: &str, cache: PathBuf) -> Outcome<()> {
    let start = Clock::start();
    let mut errors = Errors::default();
    let mut sources = Sources::default();
    sources.cache_in(cache);
    sources.omit_indexes();

    let manifest = folder.join("wrangler.toml");
    let project =
        compile(&mut errors, &mut sources, &manifest, None).ok_or("there is no manifest")?;
    black_box(environment(&project, &target(&sources)));

    print(name, start.elapsed());
    println!("peak {}", peak());
    accepted(&errors, &sources)
}

/// Measures each stage of the compiler.
fn stages(folder: &Path) -> Outcome<()> {
    let mut errors = Errors::default();
    let mut sources = Sources::default();
    sources.omit_indexes();
    let path = folder.join("wrangler.toml");

    let start = Instant::now();
    let file =
        model::load_manifest(&mut errors, &mut sources, &path).ok_or("there is no manifest")?;
    let mut manifest =
        manifest::parse(&mut errors, &sources, file, None).ok_or("the manifest is not valid")?;
    let inputs = model::load_databases(&mut errors, &mut sources, &path, &mut manifest);
    print("load", start.elapsed());

    // The time of the queries is the difference between an analysis with and without them.
    let mut read_again = sources.clone();
    let mut alone = model::load_databases(&mut errors, &mut read_again, &path, &mut manifest);
    for input in alone.values_mut() {
        input.queries.clear();
    }
    let start = Clock::start();
    let databases = model::analyze(&mut errors, &read_again, &manifest, alone);
    let schema = start.elapsed();
    drop(databases);
    print("schema", schema);

    let start = Clock::start();
    let databases = model::analyze(&mut errors, &sources, &manifest, inputs);
    print("queries", start.elapsed().saturating_sub(schema));

    let start = Clock::start();
    let project = model::lower(&mut errors, manifest, databases);
    black_box(environment(&project, &target(&sources)));
    print("emit", start.elapsed());

    counts(&project)?;
    accepted(&errors, &sources)
}

/// Measures elapsed time, not processor time: several threads analyze queries.
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

fn print(name: &str, time: Duration) {
    println!("{name} {}", time.as_micros());
}

/// Prints the numbers of migrations, tables, indexes and methods.
fn counts(project: &Project) -> Outcome<()> {
    for database in project
        .bindings
        .iter()
        .filter_map(|bound| bound.database.as_ref())
    {
        let connection = database.catalog.database.connection();
        let count = |kind: &str| {
            format!(
                "(SELECT count(*) FROM sqlite_schema WHERE type = '{kind}' AND sql IS NOT NULL \
                 AND name NOT IN ('d1_migrations', 'sqlite_sequence'))"
            )
        };
        let (tables, indexes) = (count("table"), count("index"));
        let sql = format!("SELECT (SELECT count(*) FROM d1_migrations), {tables}, {indexes}");
        let (migrations, tables, indexes): (i64, i64, i64) =
            connection.query_row(&sql, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;

        println!(
            "migrations {migrations}\ntables {tables}\nindexes {indexes}\nmethods {}",
            database.methods.len()
        );
    }
    Ok(())
}

fn accepted(errors: &Errors, sources: &Sources) -> Outcome<()> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.render(sources).join("\n").into())
    }
}

/// Returns the target of an expansion at a crate root.
fn target(sources: &Sources) -> Target {
    Target {
        krate: quote!(::bindery),
        // The figures do not include the compiler's lexer.
        parse: |_| Some(quote!()),
        visibility: quote!(pub),
        ident: Ident::new("Env", Span::call_site()),
        attributes: quote!(),
        module: quote::format_ident!("bindings"),
        base: String::new(),
        tracked: sources.files().map(|file| file.name.clone()).collect(),
        manifest_name: "wrangler.toml".to_owned(),
        environment: None,
    }
}

/// Returns the peak of memory of this process in kB; 0 where the system does not report it.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

// The process that starts them

/// The measurements of one size. Times are in microseconds.
struct Measurements {
    size: Size,
    /// The minimum of the staged runs, by stage.
    stages: BTreeMap<String, u64>,
    /// The runs of the whole compiler, sorted.
    whole: Vec<u64>,
    /// The minimum of the runs after an edit of one query.
    warm: u64,
    /// The maximum of all runs, in kB.
    peak: u64,
}

fn tables() -> Outcome<()> {
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    println!(
        "profile: {profile}; whole: elapsed time, min and median of {RUNS} runs; stages: min of {STAGED_RUNS}"
    );
    println!(
        "warm: min of {RUNS} runs with the cache of an earlier run, after an edit of one query"
    );
    println!(
        "linear: the whole relative to linear growth from the first row: of the schema with the migrations,"
    );
    println!("of everything else with the queries\n");

    let (quarter, half, full) = (Size::quarter(), Size::half(), Size::full());
    let (fewer, some) = (full.with_queries_of(quarter), full.with_queries_of(half));
    let (younger, older) = (quarter.with_queries_of(full), half.with_queries_of(full));

    let folder = Folder(std::env::temp_dir().join(format!("bindery-scale-{}", std::process::id())));
    let sizes = [quarter, half, full, fewer, some, younger, older];
    let all = measure(&folder.0, &sizes)?;

    table("everything grows", &all, [quarter, half, full]);
    table("all migrations, more queries", &all, [fewer, some, full]);
    table("more migrations, all queries", &all, [younger, older, full]);
    Ok(())
}

/// A folder that is removed on drop.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn table(title: &str, all: &[Measurements], sizes: [Size; 3]) {
    println!(
        "{title:<30}{:>8}{:>8}{:>8}  {:>8}{:>9}{:>9}{:>8}  {:>9}{:>9}{:>9}{:>9}{:>8}{:>8}",
        "tables",
        "indexes",
        "queries",
        "load",
        "schema",
        "queries",
        "emit",
        "min",
        "median",
        "warm",
        "peak",
        "growth",
        "linear"
    );

    let rows: Vec<&Measurements> = sizes
        .iter()
        .filter_map(|size| all.iter().find(|measured| measured.size == *size))
        .collect();
    for measured in &rows {
        row(measured, rows[0]);
    }
    println!();
}

fn row(measured: &Measurements, first: &Measurements) {
    let Measurements {
        size,
        whole,
        warm,
        peak,
        ..
    } = measured;
    let stage = |of: &Measurements, name: &str| of.stages.get(name).copied().unwrap_or(0) as f64;
    let shown = |name: &str| format!("{:.0} ms", stage(measured, name) / 1000.0);
    let least = |of: &Measurements| of.whole.first().copied().unwrap_or(0) as f64;
    let median = whole.get(whole.len() / 2).copied().unwrap_or(0) as f64;

    // The schema grows with the migrations, everything else with the queries.
    let factor = |now: usize, then: usize| now as f64 / then as f64;
    let schema = stage(first, "schema");
    let expected = schema * factor(size.migrations, first.size.migrations)
        + (least(first) - schema) * factor(size.queries, first.size.queries);

    println!(
        "{:<30}{:>8}{:>8}{:>8}  {:>8}{:>9}{:>9}{:>8}  {:>9}{:>9}{:>9}{:>9}{:>8}{:>8}",
        format!("  {} migrations", size.migrations),
        size.tables,
        size.indexes,
        size.queries,
        shown("load"),
        shown("schema"),
        shown("queries"),
        shown("emit"),
        format!("{:.0} ms", least(measured) / 1000.0),
        format!("{:.0} ms", median / 1000.0),
        format!("{:.0} ms", *warm as f64 / 1000.0),
        format!("{:.0} MB", *peak as f64 / 1024.0),
        format!("{:.2}", least(measured) / least(first)),
        format!("{:.2}", least(measured) / expected),
    );
}

/// Measures every size in each round, so that other load on the machine affects all sizes alike.
fn measure(folder: &Path, sizes: &[Size]) -> Outcome<Vec<Measurements>> {
    let mut all = Vec::new();
    for size in sizes {
        let project = folder.join(format!("{}-{}", size.migrations, size.queries));
        synthetic::write(&project, size)?;
        all.push((
            project,
            Measurements {
                size: *size,
                stages: BTreeMap::new(),
                whole: Vec::new(),
                warm: u64::MAX,
                peak: 0,
            },
        ));
    }

    for round in 0..RUNS {
        for (project, measured) in &mut all {
            measured.add_whole(project)?;
            if round < STAGED_RUNS {
                measured.add_stages(run("stages", project)?)?;
            }
        }
    }

    let sorted = all.into_iter().map(|(_, mut measured)| {
        measured.whole.sort_unstable();
        measured
    });
    Ok(sorted.collect())
}

impl Measurements {
    /// Runs the whole compiler with an empty cache, then after an edit.
    fn add_whole(&mut self, project: &Path) -> Outcome<()> {
        let cold = run("whole", project)?;
        let warm = run("warm", project)?;
        let time = |figures: &BTreeMap<String, u64>, name: &str| {
            figures.get(name).copied().ok_or("the run reported no time")
        };

        self.whole.push(time(&cold, "whole")?);
        self.warm = self.warm.min(time(&warm, "warm")?);
        self.peak = self.peak.max(cold.get("peak").copied().unwrap_or(0));
        Ok(())
    }

    /// Adds the figures of a staged run. Fails if the project does not have the wanted size.
    fn add_stages(&mut self, figures: BTreeMap<String, u64>) -> Outcome<()> {
        let Size {
            migrations,
            tables,
            indexes,
            queries,
        } = self.size;
        for (name, wanted) in [
            ("migrations", migrations),
            ("tables", tables),
            ("indexes", indexes),
            ("methods", queries),
        ] {
            let count = figures.get(name).copied().unwrap_or(0);
            if count != wanted as u64 {
                return Err(format!("expected {wanted} {name}, found {count}").into());
            }
        }

        for (name, time) in figures {
            self.stages
                .entry(name)
                .and_modify(|least| *least = (*least).min(time))
                .or_insert(time);
        }
        Ok(())
    }
}

/// Runs a separate process. Returns what it prints: one name and number per line.
fn run(command: &str, project: &Path) -> Outcome<BTreeMap<String, u64>> {
    let output = Command::new(std::env::current_exe()?)
        .arg(command)
        .arg(project)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)).into());
    }

    let figure = |line: &str| {
        let (name, number) = line.split_once(' ')?;
        Some((name.to_owned(), number.parse().ok()?))
    };
    Ok(text.lines().filter_map(figure).collect())
}
