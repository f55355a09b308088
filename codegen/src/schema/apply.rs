//! Applies the baseline and the migrations of one database.

use std::collections::HashMap;
use std::sync::Arc;

use bindery_sqlite::replay::Replay;
use bindery_sqlite::{Database, migrations};

use crate::report::{Code, Diagnostic, Errors};
use crate::source::{FileId, Sources, Spanned};

use super::scratch::Scratch;
use super::{Catalog, Inputs, Migration, cache, missing, read, sketch};

/// Builds one database from its baseline and its migrations, and reads its schema.
///
/// The first migration that fails ends the replay, as it does on D1, and is the only error. The
/// catalog then contains what the migrations probably mean, for the placeholders of queries.
pub fn build(
    errors: &mut Errors,
    sources: &Sources,
    migrations_table: &str,
    inputs: &Inputs,
) -> Option<Catalog> {
    let key = inputs.key(sources, migrations_table);
    let mut files = in_order(inputs);

    if let Some(cached) = cache::load(sources, &key) {
        let applied = migrations::applied(&cached.database, migrations_table).unwrap_or_default();
        files.retain(|file| applied.contains(&file.value));
        let (database, places) = (cached.database, &cached.places);
        let catalog = read_back(errors, database, migrations_table, places, files);
        return catalog.map(|catalog| configured(catalog, sources, inputs));
    }

    let errors_before = errors.count();
    let (mut database, known) = open(errors, sources, migrations_table, inputs.baseline)?;
    // A baseline that was exported from D1 contains the migrations table, too.
    files.retain(|file| !known.contains(&file.value));

    let (applied, places) = replay(errors, sources, migrations_table, &database, &files, inputs)?;
    files.truncate(applied);

    if errors.count() == errors_before && known.is_empty() {
        cache::save(sources, &key, &mut database, &places);
    }
    let catalog = read_back(errors, database, migrations_table, &places, files);
    catalog.map(|catalog| configured(catalog, sources, inputs))
}

/// Marks the primary keys that SQLite allows to be NULL and that the project does not, and omits
/// the search for indexes where nobody sees the warnings.
fn configured(mut catalog: Catalog, sources: &Sources, inputs: &Inputs) -> Catalog {
    catalog.scratch = Scratch::new(sources.omits_indexes());
    if inputs.nullable_keys {
        return catalog;
    }
    let tables = Arc::make_mut(&mut catalog.tables);
    for column in tables.iter_mut().flat_map(|table| &mut table.columns) {
        column.promised = column.in_key && !column.not_null;
    }
    catalog
}

/// Returns the migrations in wrangler's order.
pub(super) fn in_order(inputs: &Inputs) -> Vec<Spanned<String>> {
    let mut files = inputs.migrations.clone();
    files.sort_by(|left, right| migrations::order(&left.value, &right.value));
    files
}

/// Opens a database with its baseline, and reads the names in its migrations table.
fn open(
    errors: &mut Errors,
    sources: &Sources,
    migrations_table: &str,
    baseline: Option<FileId>,
) -> Option<(Database, Vec<String>)> {
    let database = Database::in_memory()
        .map_err(|error| report_sqlite_error(errors, &error))
        .ok()?;

    if let Some(file) = baseline {
        for failure in migrations::baseline(&database, &sources.file(file).text) {
            errors.push(
                Diagnostic::new(
                    Code::Migration,
                    format!("the schema fails: {}", failure.message),
                    sources.whole(file).part(&failure.span),
                )
                .label("D1 rejects this"),
            );
        }
    }

    let known = migrations::applied(&database, migrations_table)
        .map_err(|error| report_sqlite_error(errors, &error))
        .ok()?;
    Some((database, known))
}

/// Applies the migrations up to the first failure.
///
/// Returns the number of applied migrations and the original positions of the rebuilt tables.
fn replay(
    errors: &mut Errors,
    sources: &Sources,
    migrations_table: &str,
    database: &Database,
    files: &[Spanned<String>],
    inputs: &Inputs,
) -> Option<(usize, HashMap<String, i64>)> {
    let mut replay = Replay::new(database)
        .map_err(|error| report_sqlite_error(errors, &error))
        .ok()?;

    let mut applied = 0;
    for file in files {
        let migration = migrations::Migration {
            name: &file.value,
            sql: &sources.file(file.span.file).text,
        };
        if let Err(failure) = replay.apply(migrations_table, migration) {
            let help = missing::help(sources, inputs, files, &failure.message);
            report_failure(errors, database, file, &failure, help);
            let rest = &files[applied..];
            sketch::apply(sources, migrations_table, database, &mut replay, rest);
            break;
        }
        applied += 1;
    }
    Some((applied, replay.into_places()))
}

fn report_failure(
    errors: &mut Errors,
    database: &Database,
    file: &Spanned<String>,
    failure: &migrations::Failure,
    help: Option<String>,
) {
    let denied = database
        .denied()
        .filter(|_| failure.message.contains("not authorized"));
    let message = match denied {
        Some(denied) => format!("D1 does not allow {denied}"),
        None => failure.message.clone(),
    };

    errors.push(
        Diagnostic::new(
            Code::Migration,
            format!("the migration `{}` fails: {message}", file.value),
            file.span.part(&failure.span),
        )
        .label("D1 rejects this")
        .help(help.unwrap_or_else(rolled_back)),
    );
}

fn rolled_back() -> String {
    "D1 would roll this file back and keep the files before it".to_owned()
}

fn report_sqlite_error(errors: &mut Errors, error: &bindery_sqlite::rusqlite::Error) {
    errors.push(Diagnostic::new(
        Code::Migration,
        format!("SQLite cannot start: {error}"),
        None,
    ));
}

/// Reads the schema of a database.
fn read_back(
    errors: &mut Errors,
    database: Database,
    migrations_table: &str,
    places: &HashMap<String, i64>,
    applied: Vec<Spanned<String>>,
) -> Option<Catalog> {
    let (tables, text_enums) = match read::tables(&database, migrations_table, places) {
        Ok(schema) => schema,
        Err(error) => {
            errors.push(Diagnostic::new(
                Code::Migration,
                format!("the schema cannot be read back: {error}"),
                None,
            ));
            return None;
        }
    };

    let by_name = tables
        .iter()
        .enumerate()
        .map(|(index, table)| (table.name.to_ascii_lowercase(), index))
        .collect();
    let migrations = applied
        .into_iter()
        .map(|file| Migration {
            name: file.value,
            file: file.span.file,
        })
        .collect();
    Some(Catalog {
        database,
        tables: Arc::new(tables),
        migrations,
        text_enums: Arc::new(text_enums),
        by_name: Arc::new(by_name),
        scratch: Scratch::new(false),
    })
}
