//! Finds and compiles the project of a command.

use std::path::{Path, PathBuf};

use bindery_codegen::{Compilation, source};
use clap::Args;

/// Folders below the current one are searched for manifests to this depth.
const MAX_DEPTH: usize = 5;

/// An error lists at most this many manifests.
const MAX_LISTED: usize = 8;

/// The project, and the environments of its manifest.
#[derive(Debug, Args)]
pub(crate) struct ProjectArguments {
    /// The wrangler file [default: the one that wrangler uses in this folder]
    #[arg(long, short, value_name = "PATH", alias = "manifest")]
    config: Option<PathBuf>,

    /// One environment of the manifest, instead of all of them
    #[arg(long, short, value_name = "NAME", alias = "env")]
    environment: Option<String>,
}

impl ProjectArguments {
    /// The manifest that `--config` names, or the one that wrangler uses in this folder, or all
    /// manifests below it.
    pub(crate) fn manifests(&self) -> Result<Vec<PathBuf>, String> {
        if let Some(path) = &self.config {
            return match source::unusable(path) {
                Some(state) => Err(format!(
                    "there is no manifest at `{}`: {state}",
                    path.display()
                )),
                None => Ok(vec![path.clone()]),
            };
        }

        let current = std::env::current_dir()
            .map_err(|error| format!("cannot read the current folder: {error}"))?;
        if let Some(path) = source::discover(&current) {
            return Ok(vec![path]);
        }
        let mut found = Vec::new();
        find_below(&current, MAX_DEPTH, &mut found);
        if found.is_empty() {
            let missing = source::no_manifest(&current);
            return Err(format!("{missing}\nhelp: name it with `--config PATH`"));
        }
        Ok(found)
    }

    /// The only manifest.
    fn manifest(&self) -> Result<PathBuf, String> {
        let mut found = self.manifests()?;
        if found.len() == 1 {
            return Ok(found.remove(0));
        }

        let listed = found.iter().take(MAX_LISTED);
        let mut lines: Vec<String> = listed.map(|path| format!("  {}", path.display())).collect();
        let more = found.len().saturating_sub(MAX_LISTED);
        if more > 0 {
            lines.push(format!("  and {more} more"));
        }
        let lines = lines.join("\n");
        Err(format!(
            "there are several manifests:\n{lines}\nhelp: name one with `--config PATH`"
        ))
    }

    /// Compiles the only project.
    pub(crate) fn compile(&self) -> Result<Compilation, String> {
        Ok(self.compile_manifest(&self.manifest()?))
    }

    /// Compiles the project of a manifest.
    pub(crate) fn compile_manifest(&self, manifest: &Path) -> Compilation {
        Compilation::new(manifest, self.environment.as_deref())
    }
}

/// Finds the manifests of the folders below `folder`. Folders inside a project are not searched.
fn find_below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let names = source::folders(folder).into_iter();
    for name in names.filter(|name| name != "target" && name != "node_modules") {
        let folder = folder.join(name);
        let mut candidates = source::MANIFEST_NAMES.iter().map(|name| folder.join(name));
        match candidates.find(|path| path.is_file()) {
            Some(path) => found.push(path),
            None if depth > 1 => find_below(&folder, depth - 1, found),
            None => {}
        }
    }
}

/// The folder of the crate that a file belongs to.
pub(crate) fn package(file: &Path) -> PathBuf {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let mut folders = file.ancestors().skip(1);
    let package = folders.find(|folder| folder.join("Cargo.toml").is_file());
    package
        .or(file.parent())
        .map(Path::to_owned)
        .unwrap_or_default()
}
