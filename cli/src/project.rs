//! Finds the project, and tells diagnostics.

use std::path::PathBuf;

use bindery_codegen::report::Diagnostic;
use bindery_codegen::{Sources, source};
use clap::ArgMatches;
use serde_json::{Value, json};

/// The manifest that was named, or the nearest.
pub(crate) fn manifest(matches: &ArgMatches) -> Result<PathBuf, String> {
    if let Some(path) = matches.get_one::<PathBuf>("manifest") {
        return if path.is_file() { Ok(path.clone()) } else { Err(format!("there is no manifest at `{}`", path.display())) };
    }
    let here = std::env::current_dir().map_err(|error| format!("the current folder cannot be read: {error}"))?;
    source::discover(&here).ok_or_else(|| {
        "there is no wrangler.toml, wrangler.jsonc or wrangler.json at or above this folder\n\
         help: name it with `--manifest PATH`"
            .to_owned()
    })
}

/// A diagnostic as an object of JSON.
pub(crate) fn diagnostic(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let place = diagnostic.span.map(|span| {
        let file = sources.file(span.file);
        let before = file.text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (file.name.clone(), line, column)
    });
    json!({
        "level": diagnostic.severity.word(),
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": place.as_ref().map(|(file, ..)| file),
        "line": place.as_ref().map(|(_, line, _)| line),
        "column": place.as_ref().map(|(.., column)| column),
        "label": diagnostic.label,
        "help": diagnostic.help,
    })
}
