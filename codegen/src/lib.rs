//! The compiler of bindery: it turns a manifest, migrations and queries into tokens.
//!
//! Every entry point (the macros, a build script, the command line) runs one [`Compilation`] and
//! differs only in how it prints [`Errors`]. The stages are the modules below, in order; none uses
//! a later one.

pub mod source;
pub mod report;
pub mod names;
mod cache;
pub mod manifest;
mod syntax;
pub mod schema;
pub mod sql;
pub mod model;
pub mod handlers;
pub mod calls;
pub mod emit;
pub mod driver;

use std::path::Path;

pub use driver::{BuildError, Compilation, build};
pub use report::{Diagnostic, Errors};
pub use source::Sources;

use model::Project;

/// Reads the manifest at `path` with its migrations and queries, for all environments or only for
/// `environment`.
///
/// Returns `None` if the manifest cannot be read. Every error is in `errors`.
pub fn compile(
    errors: &mut Errors,
    sources: &mut Sources,
    path: &Path,
    environment: Option<&str>,
) -> Option<Project> {
    let file = model::load_manifest(errors, sources, path)?;
    let mut manifest = manifest::parse(errors, sources, file, environment)?;
    sources.hide(file, &manifest.hidden);
    model::infer_secrets(errors, sources, path, &mut manifest, environment);
    let inputs = model::load_databases(errors, sources, path, &mut manifest);
    let databases = model::analyze(errors, sources, &manifest, inputs);
    Some(model::lower(errors, manifest, databases))
}
