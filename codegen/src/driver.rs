//! The doors beside the macro: the same compiler for a build script, and for the command line.

use std::path::{Path, PathBuf};

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::emit::{self, Site};
use crate::model::Project;
use crate::{Errors, Sources, compile, source};

/// A project that was compiled outside a macro.
#[derive(Debug)]
pub struct Compiled {
    /// Every mistake, and what there is to look at.
    pub errors: Errors,
    /// The files that were read.
    pub sources: Sources,
    /// What is understood.
    pub project: Option<Project>,
    /// The manifest.
    pub manifest: PathBuf,
    /// The one environment that was asked for.
    pub environment: Option<String>,
}

impl Compiled {
    /// Compiles the project of a manifest, for all environments or for the one of a name.
    #[must_use]
    pub fn new(manifest: &Path, environment: Option<&str>) -> Self {
        let (mut errors, mut sources) = (Errors::default(), Sources::default());
        let manifest = manifest
            .canonicalize()
            .unwrap_or_else(|_| manifest.to_owned());
        let project = compile(&mut errors, &mut sources, &manifest, environment);
        Self {
            errors,
            sources,
            project,
            manifest,
            environment: environment.map(str::to_owned),
        }
    }

    /// What `#[bindings] pub struct Env;` makes, for a crate in the folder `package`.
    ///
    /// # Errors
    /// Each mistake as text, when there is one.
    pub fn emit(&self, package: &Path) -> Result<TokenStream, Vec<String>> {
        let Some(project) = self.project.as_ref().filter(|_| self.errors.is_empty()) else {
            return Err(self.errors.render(&self.sources));
        };
        Ok(emit::environment(
            project,
            &self.site(package, Ident::new("Env", Span::call_site())),
        ))
    }

    fn site(&self, package: &Path, ident: Ident) -> Site {
        let manifest = source::relative(package, &self.manifest);
        Site {
            krate: quote!(::bindery),
            parse: emit::text,
            visibility: quote!(pub),
            ident,
            attributes: quote!(),
            base: manifest
                .rsplit_once('/')
                .map(|(folder, _)| format!("{folder}/"))
                .unwrap_or_default(),
            tracked: self
                .tracked()
                .map(|path| source::relative(package, path))
                .collect(),
            environment: self.environment.clone(),
            manifest_name: manifest.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }
}

impl Compiled {
    /// The files that a clone has, too. A build script watches the others itself.
    fn tracked(&self) -> impl Iterator<Item = &Path> {
        let files = self
            .sources
            .files()
            .filter(|file| !file.name.starts_with(".dev.vars") && !file.name.starts_with(".env"));
        files.map(|file| file.path.as_path())
    }
}

/// Why a build script cannot go on.
pub struct BuildError(String);

impl From<String> for BuildError {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// As it is read: `fn main` prints what it returns with `Debug`.
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

/// Makes `Env` from a build script: writes `bindery.rs` to `OUT_DIR`, tells Cargo which files it is made from, and
/// tells every mistake as the macro would.
///
/// The manifest is the nearest wrangler file at or above the package. The crate includes what was written:
///
/// ```text
/// include!(concat!(env!("OUT_DIR"), "/bindery.rs"));
/// ```
///
/// # Errors
/// Every mistake; a build script that returns it ends the build with the text.
///
/// # Examples
/// ```no_run
/// // build.rs
/// fn main() -> Result<(), bindery_codegen::BuildError> {
///     bindery_codegen::build(None)
/// }
/// ```
pub fn build(environment: Option<&str>) -> Result<(), BuildError> {
    Ok(write_env(environment)?)
}

fn write_env(environment: Option<&str>) -> Result<(), String> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .ok_or_else(|| format!("{name} is not set: this is no build script"))
    };
    let (package, out) = (folder("CARGO_MANIFEST_DIR")?, folder("OUT_DIR")?);
    let manifest = source::discover(&package).ok_or(
        "there is no wrangler.toml, wrangler.jsonc or wrangler.json at or above this package",
    )?;
    let compiled = Compiled::new(&manifest, environment);
    for path in compiled.watched() {
        tell_cargo(&path);
    }
    let tokens = compiled
        .emit(&package)
        .map_err(|mistakes| format!("\n\n{}", mistakes.join("\n\n")))?;
    let target = out.join("bindery.rs");
    std::fs::write(&target, tokens.to_string())
        .map_err(|error| format!("`{}` cannot be written: {error}", target.display()))
}

#[expect(
    clippy::print_stdout,
    reason = "this is how a build script talks to Cargo"
)]
fn tell_cargo(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

impl Compiled {
    /// The files that were read, and the folders in which a new one would be read, too.
    fn watched(&self) -> Vec<PathBuf> {
        let root = self.manifest.parent().unwrap_or(Path::new("."));
        let mut paths: Vec<PathBuf> = self.sources.files().map(|file| file.path.clone()).collect();
        let names = ["queries".to_owned()]
            .into_iter()
            .chain(self.project.iter().flat_map(Project::migration_folders));
        paths.extend(
            names
                .map(|name| root.join(name))
                .filter(|folder| folder.is_dir()),
        );
        paths
    }
}
