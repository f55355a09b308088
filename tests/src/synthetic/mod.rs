//! Writes a synthetic project as large as a real application after some years of growth.
//!
//! The same size yields the same files, byte for byte. The compiler accepts every query: the
//! queries use only names and types that the migrations create.

mod manifest;
mod migrations;
mod names;
mod queries;
mod schema;
mod tables;

use std::fs;
use std::io;
use std::path::Path;

use self::queries::Queries;
use self::schema::Schema;

/// The size of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The number of migrations.
    pub migrations: usize,
    /// The number of tables after all migrations.
    pub tables: usize,
    /// The number of indexes after all migrations, without those that SQLite creates for keys.
    pub indexes: usize,
    /// The number of annotated queries.
    pub queries: usize,
}

impl Size {
    /// The size of a large application.
    #[must_use]
    pub fn full() -> Self {
        Self {
            migrations: 340,
            tables: 420,
            indexes: 760,
            queries: 1300,
        }
    }

    /// Half of the full size.
    #[must_use]
    pub fn half() -> Self {
        Self::full().part(2)
    }

    /// A quarter of the full size.
    #[must_use]
    pub fn quarter() -> Self {
        Self::full().part(4)
    }

    /// Divides every number by `parts`.
    #[must_use]
    pub fn part(self, parts: usize) -> Self {
        Self {
            migrations: self.migrations / parts,
            tables: self.tables / parts,
            indexes: self.indexes / parts,
            queries: self.queries / parts,
        }
    }

    /// Returns this size with as many queries as `other` has.
    #[must_use]
    pub fn with_queries_of(self, other: Self) -> Self {
        Self {
            queries: other.queries,
            ..self
        }
    }
}

/// Writes a project: `wrangler.toml`, `migrations/*.sql` and `queries/db/*/*.sql`.
///
/// # Errors
/// When a file or a folder cannot be written.
pub fn write(folder: &Path, size: &Size) -> io::Result<()> {
    let migrations = folder.join("migrations");
    fs::create_dir_all(&migrations)?;
    fs::write(folder.join("wrangler.toml"), manifest::MANIFEST)?;

    let mut schema = Schema::new();
    for (name, text) in schema.migrations(size) {
        fs::write(migrations.join(name), text)?;
    }

    for (name, text) in Queries::new(&schema).files(size.queries) {
        let path = folder.join("queries/db").join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Size, write};
    use bindery_codegen::{Errors, Sources, compile};

    #[test]
    fn every_query_compiles_and_each_run_writes_the_same_files() {
        let folder = std::env::temp_dir().join(format!("bindery-synthetic-{}", std::process::id()));
        let size = Size::full().part(20);
        let mut texts: Vec<Vec<String>> = Vec::new();

        for run in ["first", "second"] {
            let folder = folder.join(run);
            write(&folder, &size).expect("the project is written");

            let mut errors = Errors::default();
            let mut sources = Sources::default();
            let manifest = folder.join("wrangler.toml");
            let project =
                compile(&mut errors, &mut sources, &manifest, None).expect("the manifest is valid");
            assert!(errors.is_empty(), "{}", errors.render(&sources).join("\n"));

            let database = project.database("DB").expect("the database is bound");
            assert_eq!(database.catalog.migrations.len(), size.migrations);
            assert_eq!(database.methods.len(), size.queries);
            texts.push(sources.files().map(|file| file.text.clone()).collect());
        }

        assert_eq!(texts[0], texts[1]);
        std::fs::remove_dir_all(&folder).expect("the project is removed");
    }
}
