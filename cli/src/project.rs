//! Finds the project, and tells diagnostics.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bindery_codegen::door::Compiled;
use bindery_codegen::report::Diagnostic;
use bindery_codegen::{Sources, source};
use clap::ArgMatches;
use serde_json::{Value, json};

use crate::print;

/// How deep below the current folder manifests are looked for.
const DEEPEST: usize = 5;

/// The manifest that was named, or the nearest at or above this folder, or every one below it.
pub(crate) fn manifests(matches: &ArgMatches) -> Result<Vec<PathBuf>, String> {
    if let Some(path) = matches.get_one::<PathBuf>("manifest") {
        let found = if path.is_dir() {
            source::discover(path)
        } else {
            Some(path.clone()).filter(|path| path.is_file())
        };
        return found
            .map(|path| vec![path])
            .ok_or_else(|| format!("there is no manifest at `{}`", path.display()));
    }
    let here = std::env::current_dir()
        .map_err(|error| format!("the current folder cannot be read: {error}"))?;
    if let Some(path) = source::discover(&here) {
        return Ok(vec![path]);
    }
    let mut found = Vec::new();
    below(&here, DEEPEST, &mut found);
    if found.is_empty() {
        let message = "there is no wrangler.toml, wrangler.jsonc or wrangler.json at, above or below this folder\n\
                       help: name it with `--manifest PATH`";
        return Err(message.to_owned());
    }
    Ok(found)
}

fn below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for name in source::folders(folder)
        .into_iter()
        .filter(|name| name != "target" && name != "node_modules")
    {
        let folder = folder.join(name);
        match source::MANIFEST_NAMES
            .iter()
            .map(|name| folder.join(name))
            .find(|path| path.is_file())
        {
            Some(path) => found.push(path),
            None if depth > 1 => below(&folder, depth - 1, found),
            None => {}
        }
    }
}

/// The one manifest there is.
pub(crate) fn manifest(matches: &ArgMatches) -> Result<PathBuf, String> {
    let mut found = manifests(matches)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        _ => {
            let mut names: Vec<String> = found
                .iter()
                .take(8)
                .map(|path| format!("  {}", path.display()))
                .collect();
            names.extend((found.len() > 8).then(|| format!("  and {} more", found.len() - 8)));
            Err(format!(
                "there are several manifests:\n{}\nhelp: name one with `--manifest PATH`",
                names.join("\n")
            ))
        }
    }
}

/// The project that was asked for, compiled.
pub(crate) fn compiled(matches: &ArgMatches) -> Result<Compiled, String> {
    Ok(Compiled::new(&manifest(matches)?, environment(matches)))
}

pub(crate) fn environment(matches: &ArgMatches) -> Option<&str> {
    matches.get_one::<String>("environment").map(String::as_str)
}

/// The folder of the crate that a file is a part of.
pub(crate) fn package(file: &Path) -> PathBuf {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let found = absolute
        .ancestors()
        .skip(1)
        .find(|folder| folder.join("Cargo.toml").is_file());
    found
        .or_else(|| absolute.parent())
        .map(Path::to_owned)
        .unwrap_or_default()
}

/// Writes a file, or says whether it is as it would be written.
pub(crate) fn write(path: &Path, text: &str, only_check: bool) -> Result<ExitCode, String> {
    let current = fs::read_to_string(path).ok();
    if current.as_deref() == Some(text) {
        return Ok(ExitCode::SUCCESS);
    }
    if only_check {
        let state = if current.is_some() {
            "is out of date"
        } else {
            "is not there"
        };
        print(&format!(
            "`{}` {state}: run the same command without `--check`",
            path.display()
        ))?;
        return Ok(ExitCode::FAILURE);
    }
    let written = fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))
        .and_then(|()| fs::write(path, text));
    written.map_err(|error| format!("`{}` cannot be written: {error}", path.display()))?;
    print(&format!("wrote {}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// A diagnostic as an object of JSON.
pub(crate) fn diagnostic(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let place = diagnostic.span.map(|span| {
        let file = sources.file(span.file);
        let before = file.text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        (file, line, column)
    });
    json!({
        "level": diagnostic.severity.word(),
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": place.as_ref().map(|(file, ..)| &file.name),
        "path": place.as_ref().map(|(file, ..)| file.path.display().to_string()),
        "line": place.as_ref().map(|(_, line, _)| line),
        "column": place.as_ref().map(|(.., column)| column),
        "label": diagnostic.label,
        "help": diagnostic.help,
    })
}
