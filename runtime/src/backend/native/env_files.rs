//! The local values of variables and secrets: `.dev.vars` and `.env` files.
//!
//! <https://developers.cloudflare.com/workers/configuration/secrets/#local-development-with-secrets>

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::bindings::Opened;

/// The folder of the package that Cargo runs, or the current folder.
pub(super) fn project_folder() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// The values of some files, and the names of those files.
#[derive(Default)]
pub(super) struct EnvFiles {
    values: BTreeMap<String, String>,
    names: Vec<String>,
}

impl EnvFiles {
    /// Reads the files of an environment in `folder`, by wrangler's rules.
    pub(super) fn read(folder: &Path, environment: &str) -> Opened<Self> {
        let paths = paths(folder, environment);

        let mut values = BTreeMap::new();
        for path in &paths {
            // An error of `dotenvy` quotes the line, which may hold a secret: it is never shown.
            for line in dotenvy::from_path_iter(path).map_err(|_| "the file cannot be opened")? {
                let (name, value) = line.map_err(|error| malformed_line(path, &error))?;
                values.insert(name, value);
            }
        }

        let names = paths.iter().filter_map(|path| path.file_name());
        let names = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        Ok(Self { values, names })
    }

    /// The value of a variable or secret.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    /// The files that a missing secret can be added to.
    pub(super) fn describe(&self) -> String {
        if self.names.is_empty() {
            "`.dev.vars`".to_owned()
        } else {
            format!("`{}`", self.names.join("`, `"))
        }
    }
}

/// The first that exists of `.dev.vars.<environment>` and `.dev.vars`; otherwise all `.env` files
/// that exist, in the order in which later values win.
fn paths(folder: &Path, environment: &str) -> Vec<PathBuf> {
    let mut dev_vars = vec![".dev.vars".to_owned()];
    let mut env = vec![".env".to_owned(), ".env.local".to_owned()];
    if !environment.is_empty() {
        dev_vars.insert(0, format!(".dev.vars.{environment}"));
        env.extend([
            format!(".env.{environment}"),
            format!(".env.{environment}.local"),
        ]);
    }

    let existing = |names: Vec<String>| {
        names
            .into_iter()
            .map(|name| folder.join(name))
            .filter(|path| path.exists())
            .collect::<Vec<_>>()
    };
    match existing(dev_vars).into_iter().next() {
        Some(path) => vec![path],
        None => existing(env),
    }
}

/// An error that names the line by its number and not by its text.
fn malformed_line(path: &Path, error: &dotenvy::Error) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let quoted = match error {
        dotenvy::Error::LineParse(quoted, _) => quoted.as_str(),
        _ => "",
    };
    let is_malformed = |line: &str| !line.is_empty() && quoted.contains(line);
    let number = text.lines().position(is_malformed);

    let number = number
        .map(|index| format!(" {}", index + 1))
        .unwrap_or_default();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("line{number} of `{name}` is not `NAME=value`")
}
