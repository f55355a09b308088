//! The driver of the compiler: one compilation of a project, for macros, build scripts and the
//! command line.

use std::path::{Path, PathBuf};

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::emit::{self, Target};
use crate::model::{Project, QUERIES};
use crate::report::Errors;
use crate::source::{self, Sources};

/// The result of compiling a project, and its errors.
#[derive(Debug)]
pub struct Compilation {
    /// Errors and warnings.
    pub errors: Errors,
    /// The files that were read.
    pub sources: Sources,
    /// The project; `None` if the manifest could not be read.
    pub project: Option<Project>,
    /// The path of the manifest.
    pub manifest: PathBuf,
    /// The requested environment; `None` for all of them.
    pub environment: Option<String>,
}

impl Compilation {
    /// Compiles the project of a manifest, for all environments or only for `environment`.
    #[must_use]
    pub fn new(manifest: &Path, environment: Option<&str>) -> Self {
        Self::with_sources(manifest, environment, Sources::default())
    }

    /// The same for a macro or a build script, which print no warnings. Results are cached in the
    /// folder `cache`, if it is given.
    #[must_use]
    pub fn for_expansion(
        manifest: &Path,
        environment: Option<&str>,
        cache: Option<PathBuf>,
    ) -> Self {
        let mut sources = Sources::default();
        sources.omit_indexes();
        if let Some(folder) = cache {
            sources.cache_in(folder);
        }
        Self::with_sources(manifest, environment, sources)
    }

    fn with_sources(manifest: &Path, environment: Option<&str>, mut sources: Sources) -> Self {
        let manifest = manifest
            .canonicalize()
            .unwrap_or_else(|_| manifest.to_owned());
        let mut errors = Errors::default();
        let project = crate::compile(&mut errors, &mut sources, &manifest, environment);
        let environment = environment.map(str::to_owned);
        Self {
            errors,
            sources,
            project,
            manifest,
            environment,
        }
    }

    /// The expansion of `#[bindings] pub struct Env;` for a crate in the folder `package`.
    ///
    /// # Errors
    /// Every error as text.
    pub fn emit(&self, package: &Path) -> Result<TokenStream, Vec<String>> {
        match &self.project {
            Some(project) if self.errors.is_empty() => {
                Ok(emit::environment(project, &self.target(package)))
            }
            _ => Err(self.errors.render(&self.sources)),
        }
    }

    /// A target with the names that `#[bindings] pub struct Env;` uses.
    #[must_use]
    pub fn target(&self, package: &Path) -> Target {
        let manifest = source::relative(package, &self.manifest);
        let (base, manifest_name) = match manifest.rsplit_once('/') {
            Some((folder, name)) => (format!("{folder}/"), name.to_owned()),
            None => (String::new(), manifest),
        };

        Target {
            krate: quote!(::bindery),
            parse: emit::parse_text,
            visibility: quote!(pub),
            ident: Ident::new("Env", Span::call_site()),
            attributes: quote!(),
            module: Ident::new("bindings", Span::call_site()),
            base,
            tracked: self
                .shared_files()
                .map(|path| source::relative(package, path))
                .collect(),
            environment: self.environment.clone(),
            manifest_name,
        }
    }

    /// The paths of the files that a fresh clone has as well.
    fn shared_files(&self) -> impl Iterator<Item = &Path> {
        let is_local = |name: &str| name.starts_with(".dev.vars") || name.starts_with(".env");
        let shared = self
            .sources
            .files()
            .filter(move |file| !is_local(&file.name));
        shared.map(|file| file.path.as_path())
    }

    /// The paths of the files that were read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.sources.files().map(|file| file.path.as_path())
    }

    /// The folders in which a new file would also be read.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        let root = self.manifest.parent().unwrap_or(Path::new("."));
        let migrations = self.project.iter().flat_map(Project::migration_folders);
        let folders = std::iter::once(QUERIES.to_owned()).chain(migrations);
        folders.map(|folder| root.join(folder)).collect()
    }
}

/// The error of a build script: every error of the project, as text.
pub struct BuildError(String);

/// Prints the text as it is, because `fn main` prints an error with `Debug`.
impl std::fmt::Debug for BuildError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for BuildError {}

/// Generates `Env` in a build script: writes `bindery.rs` to `OUT_DIR` and tells Cargo which files
/// to watch.
///
/// The manifest is the nearest one, in the package's folder or above it. With an environment, only
/// that one is compiled. The crate includes the file:
///
/// ```text
/// include!(concat!(env!("OUT_DIR"), "/bindery.rs"));
/// ```
///
/// # Errors
/// Every error of the project, with the text that the macro prints.
///
/// # Examples
/// ```no_run
/// // build.rs
/// fn main() -> Result<(), bindery_codegen::BuildError> {
///     bindery_codegen::build(None)
/// }
/// ```
pub fn build(environment: Option<&str>) -> Result<(), BuildError> {
    write_bindings(environment).map_err(BuildError)
}

fn write_bindings(environment: Option<&str>) -> Result<(), String> {
    let package = cargo_folder("CARGO_MANIFEST_DIR")?;
    let target = cargo_folder("OUT_DIR")?.join("bindery.rs");
    let manifest = source::discover(&package).ok_or_else(|| source::no_manifest(&package))?;

    let compilation = Compilation::for_expansion(&manifest, environment, None);
    watch(&compilation);
    let tokens = compilation.emit(&package);
    let tokens = tokens.map_err(|errors| format!("\n\n{}", errors.join("\n\n")))?;
    std::fs::write(&target, tokens.to_string())
        .map_err(|error| format!("cannot write `{}`: {error}", target.display()))
}

fn cargo_folder(variable: &str) -> Result<PathBuf, String> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    folder.ok_or_else(|| format!("{variable} is not set: run this from a build script"))
}

/// Tells Cargo to run the build script again after a change of any input.
#[expect(
    clippy::print_stdout,
    reason = "Cargo reads the standard output of a build script"
)]
fn watch(compilation: &Compilation) {
    let folders = compilation.folders();
    let folders = folders
        .iter()
        .map(PathBuf::as_path)
        .filter(|folder| folder.is_dir());
    for path in compilation.files().chain(folders) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}
