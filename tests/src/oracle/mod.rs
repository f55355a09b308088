//! Runs queries over random databases and compares what SQLite returns with what the analysis
//! infers.

mod as_written;
mod run;
mod written;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bindery_codegen::model::Database;
use bindery_codegen::schema::Catalog;
use bindery_codegen::sql::Query;
use bindery_codegen::{Sources, sql};
use bindery_sqlite::rusqlite::{self, Connection};

use crate::random::Random;

use crate::random_database::{Argument, Contents, converts_texts, random_argument};

/// A column of a query.
#[derive(Debug)]
pub struct Column {
    /// The names of the query and of the column.
    pub name: String,
    /// Why it is inferred as nullable. Empty if it is not.
    pub reason: String,
    /// Whether it was NULL at least once.
    pub seen_null: bool,
}

/// The results of all runs.
#[derive(Debug, Default)]
pub struct Tally {
    /// The rows that were read.
    pub rows: u64,
    /// The values that were read.
    pub values: u64,
    /// The statements whose rows were compared with those of the statement as written.
    pub compared: u64,
    /// The inferences that a value contradicts.
    pub contradictions: Vec<String>,
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

    /// The columns that are inferred as nullable.
    #[must_use]
    pub fn nullable(&self) -> Vec<&Column> {
        let columns = self.columns.iter();
        columns.filter(|column| !column.reason.is_empty()).collect()
    }
}

/// A query whose runs are observed.
#[derive(Debug)]
pub struct Subject<'a> {
    name: &'a str,
    /// The SQL as written.
    text: &'a str,
    query: &'a Query,
    /// The index of its first column in the tally.
    first: usize,
    /// Whether its rows do not depend on an order.
    is_comparable: bool,
    /// Whether what it writes has the declared types, as far as the analysis reports.
    keeps_types: bool,
    /// Whether it adds up infinities, which can come from `pow` and from the digits of `hex`: an
    /// infinity less an infinity is NULL. An infinity is NULL on D1 anyway.
    overflows: bool,
    /// Whether it calls a function that is NULL for a value that does not have its declared type.
    /// The caller gets an error for such a value.
    trusts_types: bool,
}

impl<'a> Subject<'a> {
    /// Creates the subject of a query that the analysis accepts.
    pub fn new(tally: &mut Tally, name: &'a str, text: &'a str, query: &'a Query) -> Self {
        Self {
            first: tally.add_columns(name, query),
            name,
            text,
            query,
            is_comparable: false,
            keeps_types: true,
            overflows: ["pow(", "hex("].iter().any(|source| text.contains(source))
                && ["total(", "avg(", "sum("]
                    .iter()
                    .any(|sum| text.contains(sum)),
            trusts_types: [
                "ceil", "floor", "trunc", "sign", "mod", "substr", "/ max", "% max",
            ]
            .iter()
            .any(|function| text.contains(&format!("{function}("))),
        }
    }

    /// Also compares the rows with those of the statement as written.
    #[must_use]
    pub fn comparable(mut self, is_comparable: bool) -> Self {
        self.is_comparable = is_comparable;
        self
    }

    /// Sets whether the analysis promises that the statement keeps the declared types.
    #[must_use]
    pub fn keeps_types(mut self, keeps_types: bool) -> Self {
        self.keeps_types = keeps_types;
        self
    }
}

/// A database with the migrations applied and its tables filled.
#[derive(Debug)]
pub struct RandomDatabase {
    database: bindery_sqlite::Database,
    contents: Contents,
    /// How often SQLite has reported progress in this run.
    progress: Arc<AtomicU64>,
}

/// The steps of SQLite's virtual machine between two reports of progress.
const STEPS_PER_REPORT: i32 = 1_000;
/// The reports after which a run is interrupted: some joins of generated queries would take hours.
const MOST_REPORTS: u64 = 500;

impl RandomDatabase {
    /// Observes queries of a database with these contents.
    ///
    /// # Errors
    /// When SQLite cannot limit the time of a run.
    pub fn new(
        mut database: bindery_sqlite::Database,
        contents: Contents,
    ) -> Result<Self, rusqlite::Error> {
        let progress = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&progress);
        database.on_progress(STEPS_PER_REPORT, move || {
            counted.fetch_add(1, Ordering::Relaxed) > MOST_REPORTS
        })?;
        Ok(Self {
            database,
            contents,
            progress,
        })
    }

    fn connection(&self) -> &Connection {
        self.database.connection()
    }

    /// Runs a query once with random arguments, and checks every value against the inferred type
    /// of its column. What the query writes is rolled back.
    pub fn observe(
        &self,
        random: &mut Random,
        catalog: &Catalog,
        subject: &Subject<'_>,
        tally: &mut Tally,
    ) {
        let as_real = random.one_in(2);
        let parameters = subject.query.parameters.iter();
        let arguments: Vec<Argument> = parameters
            .map(|parameter| random_argument(random, (catalog, subject.query), parameter, as_real))
            .collect();
        // A call whose argument the runtime refuses does not reach the database.
        let bound = arguments.iter().zip(&subject.query.parameters);
        let bound = bound.map(|(argument, parameter)| argument.bound(parameter.scalar));
        let Some(bound) = bound.collect::<Option<Vec<_>>>() else {
            return;
        };
        if subject.trusts_types && (self.contents == Contents::AnyType || !subject.keeps_types) {
            return;
        }
        let contents = if subject.keeps_types && !returns_texts_as_numbers(catalog, subject.query) {
            self.contents
        } else {
            Contents::AnyType
        };

        let rows = self.rolled_back(subject, || {
            let rows = run::observe(self.connection(), subject, bound, contents, tally);
            if contents == Contents::Declared && rows.is_some() && !subject.query.reads_only {
                written::check(self.connection(), catalog, subject, tally);
            }
            rows
        });
        if let Some(rows) = rows.filter(|_| subject.is_comparable) {
            tally.compared += 1;
            let expected = self.rolled_back(subject, || {
                as_written::rows(self.connection(), subject, &arguments)
            });
            if let Some(difference) = as_written::difference(&rows, expected.as_deref()) {
                let contradiction = format!("{}: {difference} for {arguments:?}", subject.name);
                tally.contradictions.push(contradiction);
            }
        }
    }

    /// Runs a function and rolls back what it writes.
    fn rolled_back<T>(&self, subject: &Subject<'_>, run: impl FnOnce() -> T) -> T {
        self.progress.store(0, Ordering::Relaxed);
        if subject.query.reads_only {
            return run();
        }
        let _begun = self.execute("BEGIN");
        let result = run();
        // An error may have rolled back already.
        let _done = self.execute("ROLLBACK");
        result
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.database
            .trusted(|connection| connection.execute_batch(sql))
    }
}

/// The most rows that a query can return, as the analysis infers.
fn most_rows(query: &Query) -> usize {
    match query.rows {
        sql::Rows::None | sql::Rows::Never => 0,
        sql::Rows::One | sql::Rows::AtMostOne => 1,
        sql::Rows::Many => usize::MAX,
    }
}

/// Returns an empty database with every migration applied.
///
/// # Errors
/// When SQLite rejects a migration.
pub fn empty_database(
    sources: &Sources,
    database: &Database,
) -> Result<bindery_sqlite::Database, String> {
    let text = |error: rusqlite::Error| error.to_string();
    let empty = bindery_sqlite::Database::in_memory().map_err(text)?;
    let baseline = sources
        .files()
        .find(|file| Some(&file.name) == database.baseline.as_ref());
    if let Some(file) = baseline {
        let failures = bindery_sqlite::migrations::baseline(&empty, &file.text);
        if let Some(failure) = failures.first() {
            return Err(failure.message.clone());
        }
    }

    for migration in &database.catalog.migrations {
        let sql = &sources.file(migration.file).text;
        empty.connection().execute_batch(sql).map_err(text)?;
    }
    Ok(empty)
}

/// Whether a statement returns a column that it can write, and that stores a text as a number if it
/// looks like one. The migration has a warning of that.
fn returns_texts_as_numbers(catalog: &Catalog, query: &Query) -> bool {
    let converts = |origin: &String| {
        let (table, name) = origin.split_once('.')?;
        let mut columns = catalog.table(table)?.columns.iter();
        columns
            .find(|column| column.name == name)
            .map(converts_texts)
    };
    let mut origins = query
        .columns
        .iter()
        .filter_map(|column| column.ty.origin.as_ref());
    !query.reads_only && origins.any(|origin| converts(origin) == Some(true))
}
