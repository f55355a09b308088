//! The state of the native backend, as far as it concerns migrations.
//!
//! Only a text file beside each database is read: a program may use the database.

use std::fs;
use std::path::{Path, PathBuf};

use bindery_codegen::manifest::{Binding, D1};
use bindery_codegen::model::Database;
use bindery_codegen::report::{Code, Diagnostic};
use bindery_codegen::schema::Catalog;
use bindery_codegen::source::{FileId, Sources, Span};
use bindery_codegen::{Compilation, Errors};
use bindery_sqlite::history::{self, Applied};
use bindery_sqlite::token;

use crate::project::package;

/// Warns of migrations that were edited after the native backend had applied them.
pub(crate) fn check_migrations(compilation: &mut Compilation) {
    let Compilation {
        errors,
        sources,
        project,
        manifest,
        ..
    } = compilation;
    let Some(project) = project else {
        return;
    };

    let state = folder(manifest);
    for environment in &project.manifest.environments {
        for binding in &environment.bindings {
            let mut bound = project.bindings.iter();
            let bound = bound.find(|bound| bound.sources().any(|name| *name == binding.name.value));
            let database = bound.and_then(|bound| bound.database.as_ref());
            let (Some(database), Some(d1)) = (database, binding.resource.d1()) else {
                continue;
            };

            let catalog = catalog(database, d1);
            let sharing = environment.bindings.iter();
            for other in sharing.filter(|other| is_shared(other, binding)) {
                let applied = applied(&state, local_name(other));
                let applied = applied.filter(|known| known.migrations_table == d1.migrations_table);
                applied.for_each(|known| compare(errors, sources, catalog, &known, &state));
            }
        }
    }
}

/// The state folder of the program.
fn folder(manifest: &Path) -> PathBuf {
    let folder = std::env::var_os("BINDERY_STATE").map(PathBuf::from);
    folder.unwrap_or_else(|| package(manifest).join(".bindery"))
}

/// The schema of a database in the environment that `d1` is from.
fn catalog<'d>(database: &'d Database, d1: &D1) -> &'d Catalog {
    let is_same = |other: &D1| {
        (other.folder(), &other.migrations_pattern) == (d1.folder(), &d1.migrations_pattern)
            && other.migrations_table == d1.migrations_table
    };
    let variant = database.variants.iter().find(|(other, _)| is_same(other));
    variant.map_or(&database.catalog, |(_, catalog)| catalog)
}

/// The name of a database in the state folder.
fn local_name(binding: &Binding) -> &str {
    let name = binding.resource.setting("database_name");
    name.unwrap_or(&binding.name.value)
}

/// Whether two bindings are one local database: they have the same name, or the same id.
fn is_shared(left: &Binding, right: &Binding) -> bool {
    let id = |binding: &Binding| {
        let id = binding.resource.setting("database_id").map(str::to_owned);
        id.filter(|id| !id.is_empty())
    };
    let is_d1 = left.resource.d1().is_some();
    let same_id = id(left).is_some() && id(left) == id(right);
    is_d1 && (local_name(left) == local_name(right) || same_id)
}

/// The migrations that the local database of a name has applied.
fn applied(state: &Path, name: &str) -> impl Iterator<Item = Applied> {
    let folder = state.join("d1");
    let exists = folder.join(format!("{name}.sqlite")).is_file();
    let text = fs::read_to_string(folder.join(format!("{name}.migrations")));
    let text = text.ok().filter(|_| exists).unwrap_or_default();
    history::from_text(&text).collect::<Vec<_>>().into_iter()
}

/// Compares an applied migration with its file.
fn compare(
    errors: &mut Errors,
    sources: &Sources,
    catalog: &Catalog,
    known: &Applied,
    state: &Path,
) {
    let mut migrations = catalog.migrations.iter();
    let Some(migration) = migrations.find(|migration| migration.name == known.name) else {
        return;
    };
    let text = &sources.file(migration.file).text;
    if !history::is_edited(&known.checksum, text) {
        return;
    }

    let current = std::env::current_dir().unwrap_or_default();
    let state = state.strip_prefix(current).unwrap_or(state).display();
    let label = match &known.applied_at {
        Some(time) => format!("its old text was applied on {time} UTC"),
        None => "its old text was applied".to_owned(),
    };
    let message = format!(
        "the migration `{}` was edited after the local database had applied it",
        known.name
    );
    let help = format!(
        "restore the old text and write the change as a new migration, or delete the folder \
         `{state}` to start again with empty state"
    );
    let span = first_line(migration.file, text);
    errors.push(
        Diagnostic::new(Code::EditedMigration, message, span)
            .label(label)
            .help(help),
    );
}

/// The first line of the first statement.
fn first_line(file: FileId, text: &str) -> Span {
    let first = token::statements(text).into_iter().next();
    let first = first.unwrap_or_default();
    let statement = &text[first.clone()];
    let line = statement.lines().next().unwrap_or_default();
    Span {
        file,
        start: first.start,
        end: first.start + line.len(),
    }
}
