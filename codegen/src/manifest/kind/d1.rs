//! D1.

use super::definition::{Definition, Details, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, REMOTE, Scope::Own, Shape::*, optional};
use crate::manifest::table::Table;
use crate::report::{Code, Diagnostic, Errors};
use crate::source::Spanned;

pub(super) const DATABASE: Definition = Definition {
    key: "d1_databases",
    title: Title::new("a", "D1 database"),
    form: Form::List,
    grammar: Key::new(
        "d1_databases",
        Own,
        List(&Table(&[
            BINDING,
            optional("database_name", Text),
            optional("database_id", Text),
            optional("jurisdiction", Text),
            optional("preview_database_id", Text),
            optional("migrations_table", Text),
            optional("migrations_dir", Text),
            optional("migrations_pattern", Text),
            optional("database_internal_env", Text),
            REMOTE,
        ])),
    ),
    runtime: RuntimeType::new("d1", "D1"),
    typescript: TypeScript::Name("D1Database"),
    native: Native::Full,
    identifier: Some("database_name"),
    hooks: Hooks {
        details: |errors, table| Details::D1(D1::read(errors, table)),
        docs: |binding, database| match database.setting("database_name") {
            Some(name) => format!("The D1 database `{binding}` (`{name}`)."),
            None => format!("The D1 database `{binding}`."),
        },
        ..Hooks::DEFAULT
    },
};

/// The migrations of a D1 database.
#[derive(Debug, Clone, PartialEq)]
pub struct D1 {
    /// The folder of migrations, relative to the manifest.
    pub migrations_dir: Spanned<String>,
    /// The files of the folder that are migrations.
    pub migrations_pattern: String,
    /// Whether the manifest names the folder itself.
    pub migrations_dir_is_explicit: bool,
    /// The table that lists the applied migrations.
    pub migrations_table: String,
}

impl D1 {
    /// The database of each object of a class, whose migrations are in a folder.
    pub(crate) fn of_objects(migrations_dir: Spanned<String>) -> Self {
        Self {
            migrations_dir,
            migrations_pattern: EVERY.to_owned(),
            migrations_dir_is_explicit: true,
            migrations_table: OF_OBJECTS.to_owned(),
        }
    }

    /// Whether it is the database of each object of a class.
    pub(crate) fn is_of_objects(&self) -> bool {
        self.migrations_table == OF_OBJECTS
    }

    fn read(errors: &mut Errors, table: &Table<'_>) -> Self {
        let folder = table.filled(errors, "migrations_dir");
        let migrations_table = table.text("migrations_table");
        Self {
            migrations_pattern: migrations_pattern(errors, table, folder.as_ref()),
            migrations_dir_is_explicit: folder.is_some(),
            migrations_dir: folder.unwrap_or_else(|| Spanned {
                value: "migrations".to_owned(),
                span: table.span,
            }),
            migrations_table: migrations_table
                .unwrap_or_else(|| bindery_sqlite::migrations::DEFAULT_TABLE.to_owned()),
        }
    }

    /// The key that distinguishes one schema from another: the folder of its migrations, the files
    /// of the folder, and the migrations table.
    pub(crate) fn schema_key(&self) -> (&str, &str, &str) {
        (
            self.folder(),
            &self.migrations_pattern,
            &self.migrations_table,
        )
    }

    /// The folder of migrations, relative to the manifest.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.migrations_dir
            .value
            .trim_start_matches("./")
            .trim_end_matches('/')
    }
}

/// The migrations table in the database of an object.
const OF_OBJECTS: &str = "_bindery_migrations";

/// The pattern of a folder whose SQL files are all migrations.
const EVERY: &str = "*.sql";

/// The pattern relative to the folder of migrations. bindery must select the same files as
/// wrangler, because other files would create another schema.
fn migrations_pattern(
    errors: &mut Errors,
    table: &Table<'_>,
    folder: Option<&Spanned<String>>,
) -> String {
    let Some(pattern) = table.string("migrations_pattern") else {
        return EVERY.to_owned();
    };

    let plain = |path: &str| path.trim_start_matches("./").to_owned();
    let below = folder.and_then(|folder| {
        let folder = plain(folder.value.trim_end_matches('/'));
        let pattern = plain(&pattern.value);
        pattern
            .strip_prefix(&folder)?
            .strip_prefix('/')
            .map(str::to_owned)
    });

    let (label, help) = match below {
        None => (
            "a pattern starts with `migrations_dir` and a `/`",
            "name the folder in `migrations_dir`, and start the pattern with it",
        ),
        Some(below) if below.contains(['[', '{', '!', '(', '+', '@', '\\']) => (
            "bindery supports `*`, `**` and `?`",
            "write the pattern with these",
        ),
        Some(below) => return below,
    };
    let message = format!("`{}` is not a valid migrations pattern", pattern.value);
    errors.push(
        Diagnostic::new(Code::ManifestField, message, pattern.span)
            .label(label)
            .help(help),
    );
    EVERY.to_owned()
}
