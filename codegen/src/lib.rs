//! The compiler of bindery: text in, tokens out.
//!
//! Every driver (the macros, a build script, the command line) calls [`compile`] and differs only in
//! how it prints [`Errors`]. The stages, in order, are the modules below; none names a later one.

pub mod source;
pub mod report;
pub mod names;
mod cache;
pub mod manifest;
mod syntax;
pub mod schema;
pub mod sql;
pub mod model;
pub mod emit;
pub mod driver;
pub mod handlers;

use std::path::Path;

pub use driver::{BuildError, build};
pub use report::{Diagnostic, Errors};
pub use source::Sources;

use model::Project;

/// Reads the manifest at `path`, its migrations and its queries, and understands them: for all environments, or
/// for the one of a name.
///
/// `None` when there is no manifest to go on from; every mistake is in `errors`.
pub fn compile(
    errors: &mut Errors,
    sources: &mut Sources,
    path: &Path,
    environment: Option<&str>,
) -> Option<Project> {
    let file = model::load_manifest(errors, sources, path)?;
    let mut manifest = manifest::parse(errors, sources, file, environment)?;
    model::infer_secrets(errors, sources, path, &mut manifest, environment);
    let inputs = model::load_databases(errors, sources, path, &mut manifest);
    let databases = model::analyze(errors, sources, &manifest, inputs);
    Some(model::lower(errors, manifest, databases))
}
