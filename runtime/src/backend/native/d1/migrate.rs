//! Brings a database to the last migration.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bindery_sqlite::Database;
use bindery_sqlite::history::{self, Applied};
use bindery_sqlite::migrations::{self, Migration};

use crate::app::{Content, Resource};

use super::super::bindings::Opened;
use super::super::pool::lock;

/// Opens a database in memory with all migrations of a binding. The migrations run once in a
/// process: its tests use copies of the result.
pub(super) fn migrated_in_memory(resource: &Resource) -> Opened<Database> {
    static TEMPLATES: Mutex<BTreeMap<TemplateKey, Arc<[u8]>>> = Mutex::new(BTreeMap::new());

    let key = template_key(resource);
    let template = key.and_then(|key| lock(&TEMPLATES).get(&key).cloned());
    if let Some(template) = template {
        return Ok(Database::from_bytes(&template)?);
    }

    let mut database = Database::in_memory()?;
    migrate(&database, resource, None)?;
    if let Some(key) = key {
        lock(&TEMPLATES).insert(key, Arc::from(&*database.to_bytes()?));
    }
    Ok(database)
}

/// The addresses of the texts that a database is created from. They are constants of the program.
type TemplateKey = (usize, usize, usize);

fn template_key(resource: &Resource) -> Option<TemplateKey> {
    let Content::Database {
        migrations_table,
        baseline,
        migrations,
    } = resource.content
    else {
        return None;
    };
    let address = |text: &str| text.as_ptr() as usize;
    let key = (
        address(migrations_table),
        address(baseline),
        migrations.as_ptr() as usize,
    );
    // Empty slices can have the address of another constant.
    (!migrations.is_empty()).then_some(key)
}

/// The place of a database that outlives the process.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Place<'a> {
    /// The state folder.
    pub(in super::super) folder: &'a Path,
    /// The file of the database.
    pub(in super::super) file: &'a Path,
}

impl Place<'_> {
    /// Stores the history for `cargo bindery check`, which does not open a database that a program
    /// may use.
    fn store_history(&self, applied: &[Applied]) -> Opened<()> {
        let path = self.file.with_extension("migrations");
        let text = history::to_text(applied);
        if fs::read_to_string(&path).is_ok_and(|current| current == text) {
            return Ok(());
        }

        let mut unfinished = PathBuf::from(&path).into_os_string();
        unfinished.push(".new");
        fs::write(&unfinished, text)?;
        Ok(fs::rename(&unfinished, &path)?)
    }
}

/// Brings a database to the last migration of a binding. A database in memory, without a place, has
/// no history.
pub(super) fn migrate(
    database: &Database,
    resource: &Resource,
    place: Option<Place<'_>>,
) -> Opened<()> {
    let Content::Database {
        migrations_table,
        baseline,
        migrations: files,
    } = resource.content
    else {
        return Ok(());
    };
    let all: Vec<Migration<'_>> = files
        .iter()
        .map(|(name, sql)| Migration { name, sql })
        .collect();

    create_baseline(database, baseline)?;
    let names = migrations::applied(database, migrations_table)?;
    let read_history = || history::applied(database, migrations_table, &all);
    if let Some(place) = place {
        refuse_edited(&read_history()?, migrations_table, &all, place.folder)?;
    }
    let pending = all
        .iter()
        .filter(|migration| !names.iter().any(|name| name == migration.name));
    for migration in pending {
        apply(database, migrations_table, *migration, place.is_some())?;
    }
    match place {
        Some(place) => place.store_history(&read_history()?),
        None => Ok(()),
    }
}

/// Fails if a migration that was applied has another text now.
fn refuse_edited(
    applied: &[Applied],
    table: &str,
    all: &[Migration<'_>],
    folder: &Path,
) -> Opened<()> {
    let is_edited = |known: &&Applied| {
        let mut same = all.iter().filter(|migration| migration.name == known.name);
        known.migrations_table == table
            && same.any(|migration| history::is_edited(&known.checksum, migration.sql))
    };
    let edited: Vec<&Applied> = applied.iter().filter(is_edited).collect();
    let described: Vec<String> = edited
        .iter()
        .map(|known| match &known.applied_at {
            Some(time) => format!("`{}` (applied on {time} UTC)", known.name),
            None => format!("`{}`", known.name),
        })
        .collect();

    let (subject, its) = match described.as_slice() {
        [] => return Ok(()),
        [_] => ("the migration", "its"),
        _ => ("the migrations", "their"),
    };
    let (described, folder) = (described.join(", "), folder.display());
    let verb = if edited.len() == 1 { "was" } else { "were" };
    let message = format!(
        "{subject} {described} {verb} edited after the local database had applied {its} old text; \
         restore the old text and write the change as a new migration, or delete the folder \
         `{folder}` to start again with empty state"
    );
    Err(message.into())
}

/// Creates the schema that existed before the first migration, in a new database.
fn create_baseline(database: &Database, baseline: &str) -> Opened<()> {
    let is_new = database.trusted(|connection| {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)";
        connection.query_row(sql, [], |row| row.get::<_, bool>(0))
    })?;
    if !is_new || baseline.is_empty() {
        return Ok(());
    }

    database.transaction(|_| match migrations::baseline(database, baseline).first() {
        Some(failure) => Err(format!("the schema cannot be created: {}", failure.message).into()),
        None => Ok(()),
    })
}

/// Applies one migration.
fn apply(
    database: &Database,
    table: &str,
    migration: Migration<'_>,
    is_recorded: bool,
) -> Opened<()> {
    let apply = if is_recorded {
        migrations::apply_and_record
    } else {
        migrations::apply
    };
    let Migration { name, sql } = migration;

    apply(database, table, migration).map_err(|failure| {
        let before = sql.get(..failure.span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let message = format!(
            "the migration `{name}` fails at line {line}: {}; no statement of this file was \
             applied, all earlier migrations were",
            failure.message
        );
        message.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::BindingKind;

    type Files = &'static [(&'static str, &'static str)];

    const FIRST: (&str, &str) = ("1_a.sql", "CREATE TABLE a (x TEXT);");
    const SECOND: (&str, &str) = ("2_b.sql", "CREATE TABLE b (x TEXT);");

    /// A state folder, which is deleted at the end of the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("bindery-migrate-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            fs::create_dir_all(&folder).expect("is created");
            Self(folder)
        }

        /// Opens the database as a program with these migrations does.
        fn open(&self, migrations: Files) -> Result<Database, String> {
            let file = self.0.join("db.sqlite");
            let resource = Resource {
                binding: "DB",
                kind: BindingKind::D1,
                title: "D1 database",
                settings: &[],
                content: Content::Database {
                    migrations_table: "d1_migrations",
                    baseline: "",
                    migrations,
                },
            };
            let place = Place {
                folder: &self.0,
                file: &file,
            };
            let database = Database::open(&file).expect("opens");
            let migrated = migrate(&database, &resource, Some(place));
            migrated.map_err(|error| error.to_string())?;

            Ok(database)
        }

        fn history(&self) -> Vec<Applied> {
            let text = fs::read_to_string(self.0.join("db.migrations")).expect("is stored");
            history::from_text(&text).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn has_table(database: &Database, table: &str) -> bool {
        let sql = format!("SELECT * FROM {table}");
        database.connection().prepare(&sql).is_ok()
    }

    #[test]
    fn an_edited_migration_is_refused_before_anything_is_applied() {
        let folder = Folder::new("edited");
        drop(folder.open(&[FIRST]).expect("is migrated"));
        let time = folder.history()[0].applied_at.clone().expect("a time");

        let error = folder
            .open(&[("1_a.sql", "CREATE TABLE a (x TEXT, y);"), SECOND])
            .map(drop)
            .expect_err("it was edited");
        let expected = format!(
            "the migration `1_a.sql` (applied on {time} UTC) was edited after the local database \
             had applied its old text; restore the old text and write the change as a new \
             migration, or delete the folder `{}` to start again with empty state",
            folder.0.display()
        );
        assert_eq!(error, expected);

        // Comments and white space do not count.
        let same: Files = &[("1_a.sql", "-- a\r\nCREATE TABLE a(\n\tx TEXT);\n"), SECOND];
        let database = folder.open(same).expect("the text is restored");
        assert!(has_table(&database, "b"));
        drop(database);
        assert_eq!(folder.history().len(), 2);

        let edited: Files = &[("1_a.sql", "SELECT 1"), ("2_b.sql", "SELECT 2")];
        let error = folder.open(edited).map(drop).expect_err("both were edited");
        assert!(
            error.starts_with("the migrations `1_a.sql` (applied on "),
            "{error}"
        );
        assert!(error.contains(", `2_b.sql` (applied on "), "{error}");
    }

    #[test]
    fn the_state_of_an_older_version_is_adopted() {
        let folder = Folder::new("adopted");
        let database = Database::open(&folder.0.join("db.sqlite")).expect("opens");
        migrations::applied(&database, "d1_migrations").expect("creates the table");
        let (name, sql) = FIRST;
        let migration = Migration { name, sql };
        migrations::apply(&database, "d1_migrations", migration).expect("applies");
        drop(database);

        drop(folder.open(&[FIRST, SECOND]).expect("is migrated"));
        let edited: Files = &[("1_a.sql", "SELECT 1"), SECOND];
        let error = folder.open(edited).map(drop).expect_err("it was edited");
        assert!(error.contains("`1_a.sql`"), "{error}");
    }

    #[test]
    fn a_migration_that_fails_is_not_recorded() {
        let folder = Folder::new("failed");
        let failing: Files = &[
            FIRST,
            ("2_b.sql", "CREATE TABLE b (x); CREATE TABLE a (x);"),
        ];
        let error = folder.open(failing).map(drop).expect_err("`a` exists");
        assert!(error.contains("the migration `2_b.sql` fails"), "{error}");

        let database = folder.open(&[FIRST, SECOND]).expect("it may be edited");
        assert!(has_table(&database, "b"));
        drop(database);
        let names: Vec<String> = folder
            .history()
            .into_iter()
            .map(|known| known.name)
            .collect();
        assert_eq!(names, ["1_a.sql", "2_b.sql"]);
    }
}
