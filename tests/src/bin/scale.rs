//! What the compiler takes for a project as large as a real one, and how that grows.
//!
//! `cargo run -p bindery-tests --bin scale`: in the debug profile, which is what a proc-macro is built in.
//! Each run is a process of its own, so that its time and its peak of memory are of one run alone. What a
//! macro does besides, handing its tokens to rustc, is not in it.

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
/// Runs with a clock at each stage.
const STAGED_RUNS: usize = 4;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => tables(),
        // For a profiler: the project stays.
        ["write", folder] => synthetic::write(Path::new(folder), &Size::full()).map_err(Into::into),
        ["whole", folder] => cold(Path::new(folder)),
        ["warm", folder] => warm(Path::new(folder)),
        ["stages", folder] => stages(Path::new(folder)),
        _ => {
            Err("scale takes nothing, or `write`, `whole`, `warm` or `stages` and a folder".into())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

// In a process of its own

/// A run that finds nothing of an earlier one, and keeps what the next will find.
fn cold(folder: &Path) -> Outcome<()> {
    let kept = folder.join("target");
    if kept.exists() {
        fs::remove_dir_all(&kept)?;
    }
    whole(folder, "whole", kept)
}

/// A run after an edit of one query.
fn warm(folder: &Path) -> Outcome<()> {
    let queries = folder.join("queries/db");
    let file = queries.join(
        source::sql_files(&queries)
            .first()
            .ok_or("there are no queries")?,
    );
    // A space more, which no statement minds.
    let edited = fs::read_to_string(&file)?.replacen("SELECT ", "SELECT  ", 1);
    fs::write(file, edited)?;
    whole(folder, "warm", folder.join("target"))
}

/// The whole compiler, as the macro runs it.
fn whole(folder: &Path, name: &str, kept: PathBuf) -> Outcome<()> {
    let start = Clock::start();
    let mut errors = Errors::default();
    let mut sources = Sources::default();
    sources.cache_in(kept);
    let project = compile(
        &mut errors,
        &mut sources,
        &folder.join("wrangler.toml"),
        None,
    )
    .ok_or("there is no manifest")?;
    black_box(environment(&project, &target(&sources)));
    print(name, start.taken());
    println!("peak {}", peak());
    accepted(&errors, &sources)
}

/// The stages, each under a clock.
fn stages(folder: &Path) -> Outcome<()> {
    let mut errors = Errors::default();
    let mut sources = Sources::default();
    let path = folder.join("wrangler.toml");
    let start = Instant::now();
    let file =
        model::load_manifest(&mut errors, &mut sources, &path).ok_or("there is no manifest")?;
    let mut manifest = manifest::parse(&mut errors, &sources, file, None)
        .ok_or("the manifest is not understood")?;
    let inputs = model::load_databases(&mut errors, &mut sources, &path, &mut manifest);
    print("load", start.elapsed());

    // The schema alone, then with the queries: what is between the two is theirs.
    let mut read_again = sources.clone();
    let mut alone = model::load_databases(&mut errors, &mut read_again, &path, &mut manifest);
    alone.values_mut().for_each(|input| input.queries.clear());
    let start = Clock::start();
    let databases = model::analyze(&mut errors, &read_again, &manifest, alone);
    let schema = start.taken();
    drop(databases);
    print("schema", schema);
    let start = Clock::start();
    let databases = model::analyze(&mut errors, &sources, &manifest, inputs);
    print("queries", start.taken().saturating_sub(schema));

    let start = Clock::start();
    let project = model::lower(&mut errors, manifest, databases);
    black_box(environment(&project, &target(&sources)));
    print("emit", start.taken());
    counts(&project)?;
    accepted(&errors, &sources)
}

/// The time that a user waits. Queries are judged on several processors, so it is not the time on one of them.
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn taken(&self) -> Duration {
        self.0.elapsed()
    }
}

fn print(name: &str, time: Duration) {
    println!("{name} {}", time.as_micros());
}

/// What SQLite was left with: the project is as large as it was meant to be.
fn counts(project: &Project) -> Outcome<()> {
    for database in project
        .bindings
        .iter()
        .filter_map(|bound| bound.database.as_ref())
    {
        let connection = database.catalog.database.connection();
        let ledger = "(SELECT count(*) FROM d1_migrations)";
        let made = |kind: &str, but: &str| {
            format!(
                "(SELECT count(*) FROM sqlite_schema WHERE type = '{kind}' AND sql IS NOT NULL AND name NOT IN ({but}))"
            )
        };
        let (tables, indexes) = (
            made("table", "'d1_migrations', 'sqlite_sequence'"),
            made("index", ""),
        );
        let sql = format!("SELECT {ledger}, {tables}, {indexes}");
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

/// What the macro would know.
fn target(sources: &Sources) -> Target {
    Target {
        krate: quote!(::bindery),
        // In a macro the compiler's lexer reads the text; that is not in these figures.
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

/// The most memory that this process had, in kB; 0 where the system does not tell.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

// What starts them

/// What the runs of one size took; times in microseconds.
struct Taken {
    size: Size,
    /// The fastest of the staged runs, by stage.
    stages: BTreeMap<String, u64>,
    /// The whole, fastest first.
    whole: Vec<u64>,
    /// The fastest of the runs after an edit of one query.
    warm: u64,
    /// The most memory of any run, in kB.
    peak: u64,
}

fn tables() -> Outcome<()> {
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    println!(
        "profile: {profile}; whole: time that goes by, min and median of {RUNS} runs; stages: min of {STAGED_RUNS}"
    );
    println!(
        "warm: min of {RUNS} runs that find what an earlier one kept, after an edit of one query"
    );
    println!(
        "linear: the whole over what it would be if what grows with the migrations grew as they do, and"
    );
    println!("all else as the queries do, from the first row\n");
    let (quarter, half, full) = (Size::quarter(), Size::half(), Size::full());
    let (fewer, some) = (full.with_queries_of(quarter), full.with_queries_of(half));
    let (younger, older) = (quarter.with_queries_of(full), half.with_queries_of(full));
    let folder = Folder(std::env::temp_dir().join(format!("bindery-scale-{}", std::process::id())));
    let taken = measure(
        &folder.0,
        &[quarter, half, full, fewer, some, younger, older],
    )?;
    table("everything grows", &taken, [quarter, half, full]);
    table("all migrations, more queries", &taken, [fewer, some, full]);
    table(
        "more migrations, all queries",
        &taken,
        [younger, older, full],
    );
    Ok(())
}

/// Removed when it goes.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn table(title: &str, taken: &[Taken], sizes: [Size; 3]) {
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
    let rows: Vec<&Taken> = sizes
        .iter()
        .filter_map(|size| taken.iter().find(|taken| taken.size == *size))
        .collect();
    for taken in &rows {
        row(taken, rows[0]);
    }
    println!();
}

fn row(taken: &Taken, first: &Taken) {
    let Taken {
        size,
        whole,
        warm,
        peak,
        ..
    } = taken;
    let stage = |taken: &Taken, name: &str| taken.stages.get(name).copied().unwrap_or(0) as f64;
    let shown = |name: &str| format!("{:.0} ms", stage(taken, name) / 1000.0);
    let least = |taken: &Taken| taken.whole.first().copied().unwrap_or(0) as f64;
    let median = whole.get(whole.len() / 2).copied().unwrap_or(0) as f64;
    // Linear: what grows with the migrations, and what grows with the queries, each by its own factor.
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
        format!("{:.0} ms", least(taken) / 1000.0),
        format!("{:.0} ms", median / 1000.0),
        format!("{:.0} ms", *warm as f64 / 1000.0),
        format!("{:.0} MB", *peak as f64 / 1024.0),
        format!("{:.2}", least(taken) / least(first)),
        format!("{:.2}", least(taken) / expected),
    );
}

/// Runs every size in turn, round after round: what else the machine does then falls on all of them.
fn measure(folder: &Path, sizes: &[Size]) -> Outcome<Vec<Taken>> {
    let mut all = Vec::new();
    for size in sizes {
        let project = folder.join(format!("{}-{}", size.migrations, size.queries));
        synthetic::write(&project, size)?;
        all.push((
            project,
            Taken {
                size: *size,
                stages: BTreeMap::new(),
                whole: Vec::new(),
                warm: u64::MAX,
                peak: 0,
            },
        ));
    }
    for round in 0..RUNS {
        for (project, taken) in &mut all {
            let seen = run("whole", project)?;
            taken
                .whole
                .push(seen.get("whole").copied().ok_or("the run told no time")?);
            let warm = run("warm", project)?
                .get("warm")
                .copied()
                .ok_or("the run told no time")?;
            taken.warm = taken.warm.min(warm);
            taken.peak = taken.peak.max(seen.get("peak").copied().unwrap_or(0));
            if round < STAGED_RUNS {
                taken.stage(run("stages", project)?)?;
            }
        }
    }
    let sorted = all.into_iter().map(|(_, mut taken)| {
        taken.whole.sort_unstable();
        taken
    });
    Ok(sorted.collect())
}

impl Taken {
    /// Takes note of a staged run, if the project came out as large as it was meant to be.
    fn stage(&mut self, seen: BTreeMap<String, u64>) -> Outcome<()> {
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
            let count = seen.get(name).copied().unwrap_or(0);
            if count != wanted as u64 {
                return Err(format!("{count} {name} came of it, not {wanted}").into());
            }
        }
        for (name, time) in seen {
            self.stages
                .entry(name)
                .and_modify(|least| *least = (*least).min(time))
                .or_insert(time);
        }
        Ok(())
    }
}

/// One run in a process of its own: what it says of itself, a name and a number a line.
fn run(what: &str, project: &Path) -> Outcome<BTreeMap<String, u64>> {
    let output = Command::new(std::env::current_exe()?)
        .arg(what)
        .arg(project)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let line = |line: &str| {
        line.split_once(' ')
            .and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?)))
    };
    Ok(text.lines().filter_map(line).collect())
}
