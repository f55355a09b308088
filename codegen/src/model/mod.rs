//! The project as it will be emitted: every name is resolved, and nothing is left to check.
//!
//! `lower` is the last stage that reports errors. Everything after it cannot fail.

mod cardinality;
mod databases;
mod load;
mod lower;
mod methods;
mod parallel;
mod query_cache;
mod rust_names;
mod secrets;
mod shards;
mod shared_row;
mod signature;
mod types;
mod variants;

use std::collections::BTreeMap;

use crate::manifest::{Consumer, D1, Manifest, MergedVar, Resource, Shards};
use crate::names::Name;
use crate::schema::Catalog;
use crate::sql::{Cardinality, Outline, Query};

pub use databases::analyze;
pub(crate) use load::QUERIES;
pub use load::{Inputs, Variant, infer_secrets, load_databases, load_manifest};
pub use lower::lower;
pub use signature::{argument_type, column_type, signature};
pub use types::Types;

/// A project whose names are resolved.
#[derive(Debug)]
pub struct Project {
    /// The manifest.
    pub manifest: Manifest,
    /// The bindings, in the order of the manifest.
    pub bindings: Vec<Bound>,
    /// The variables.
    pub vars: Vec<(Name, MergedVar)>,
    /// The secrets, and whether some environment lacks each.
    pub secrets: Vec<(Name, bool)>,
}

/// A binding with its Rust names.
#[derive(Debug)]
pub struct Bound {
    /// Its name, in each spelling.
    pub name: Name,
    /// What it is bound to.
    pub resource: Resource,
    /// Whether some environment lacks it.
    pub optional: bool,
    /// The databases, if it is a set of them.
    pub shards: Option<Shards>,
    /// The content of a D1 database.
    pub database: Option<Database>,
}

impl Bound {
    /// The bindings of the manifest that it stands for.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let shards = self.shards.iter().flat_map(Shards::all);
        let own = self.shards.is_none().then_some(self.name.source.as_str());
        shards.map(|member| member.value.as_str()).chain(own)
    }
}

/// A database and its queries.
#[derive(Debug)]
pub struct Database {
    /// The schema.
    pub catalog: Catalog,
    /// The schemas of environments with their own migrations.
    pub variants: Vec<(D1, Catalog)>,
    /// The file of the schema before the first migration, relative to the manifest.
    pub baseline: Option<String>,
    /// Whether every migration was applied. Queries are only analyzed if so.
    pub is_complete: bool,
    /// The Rust types that the project assigns to columns.
    pub types: Types,
    /// The annotated queries without errors, in the order of the files.
    pub methods: Vec<Method>,
    /// The annotated queries with errors. Each gets a placeholder, so that a cause is reported
    /// once.
    pub refused: Vec<Refused>,
    /// The source of each type in the database's module, by the name of the type.
    type_sources: BTreeMap<String, TypeSource>,
}

/// The source of a type in a database's module.
#[derive(Debug, Clone, Copy)]
enum TypeSource {
    /// The rows of the method with this index.
    Rows(usize),
    /// A list of texts.
    TextEnum,
    /// The arguments of a method, or a nested struct of a row.
    Part,
}

/// A query with an error.
#[derive(Debug)]
pub struct Refused {
    /// The method.
    pub name: Name,
    /// The row type.
    pub row: Name,
    /// The annotated row count.
    pub cardinality: Cardinality,
    /// Whether it returns the value of its only column.
    pub scalar: bool,
    /// The struct of its arguments, if it takes one.
    pub params: Option<String>,
    /// The names of the parameters in its text.
    pub parameters: Vec<String>,
    /// Its columns and parameters, as far as they are known.
    pub outline: Outline,
}

/// A query as a method.
#[derive(Debug)]
pub struct Method {
    /// The method.
    pub name: Name,
    /// The row type: the method's own, or one that several queries share.
    pub row: Name,
    /// Whether the row type is generated from this query.
    pub owns_row: bool,
    /// The annotated row count.
    pub cardinality: Cardinality,
    /// Whether it returns the value of its only column.
    pub scalar: bool,
    /// The struct of its arguments, if it takes one.
    pub params: Option<String>,
    /// The comment lines of the query.
    pub docs: Vec<String>,
    /// The file of the query.
    pub file: String,
    /// The line of the file at which the SQL starts.
    pub line: usize,
    /// The SQL as written.
    pub written: String,
    /// The analyzed query: its parameters, columns and accesses.
    pub query: Query,
}

impl Project {
    /// The database of a binding.
    #[must_use]
    pub fn database(&self, binding: &str) -> Option<&Database> {
        let bound = self
            .bindings
            .iter()
            .find(|bound| bound.name.source == binding);
        bound.and_then(|bound| bound.database.as_ref())
    }

    /// The folders of migrations of every environment, relative to the manifest.
    pub fn migration_folders(&self) -> impl Iterator<Item = String> {
        let environments = self.manifest.environments.iter();
        let bindings = environments.flat_map(|environment| &environment.bindings);
        bindings.filter_map(|binding| Some(binding.resource.database()?.folder().to_owned()))
    }

    /// The queues that the worker consumes.
    #[must_use]
    pub fn consumers(&self) -> &[Consumer] {
        &self.manifest.merged.consumers
    }
}

impl Database {
    fn new(catalog: Catalog, baseline: Option<String>, is_complete: bool, types: Types) -> Self {
        let text_enums = catalog.text_enums.iter();
        let type_sources = text_enums
            .map(|text_enum| (text_enum.ty.clone(), TypeSource::TextEnum))
            .collect();
        Self {
            catalog,
            variants: Vec::new(),
            baseline,
            is_complete,
            types,
            methods: Vec::new(),
            refused: Vec::new(),
            type_sources,
        }
    }
}
