//! The names of secrets that a developer keeps beside the manifest, where it requires none itself. Their values are
//! read over and never kept.
//!
//! <https://developers.cloudflare.com/workers/configuration/secrets/#local-development-with-secrets>

use std::collections::BTreeSet;
use std::path::Path;

use crate::source::{FileId, Sources, Span, Spanned};

/// The names in `.dev.vars.<environment>` or `.dev.vars`, the first that is there; else in `.env` and its kin.
pub(super) fn names(sources: &mut Sources, root: &Path, environment: Option<&str>) -> Vec<Spanned<String>> {
    let of = |name: &str| environment.map(|environment| format!("{name}.{environment}"));
    let first = of(".dev.vars").into_iter().chain([".dev.vars".to_owned()]);
    let files = match first.into_iter().find(|name| root.join(name).is_file()) {
        Some(name) => vec![name],
        None => {
            let local = of(".env").map(|name| format!("{name}.local"));
            [".env".to_owned(), ".env.local".to_owned()].into_iter().chain(of(".env")).chain(local).collect()
        }
    };
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for name in files {
        let Some(file) = read(sources, root, &name) else { continue };
        let text = sources.file(file).text.clone();
        let mut start = 0;
        for line in text.split('\n') {
            if !line.is_empty() && known.insert(line.to_owned()) {
                found.push(Spanned { value: line.to_owned(), span: Span { file, start, end: start + line.len() } });
            }
            start += line.len() + 1;
        }
    }
    found
}

/// A file of `NAME=value`, as its names alone, each in its line: a value can then stand in no message.
fn read(sources: &mut Sources, root: &Path, name: &str) -> Option<FileId> {
    let path = root.join(name);
    // A line that is none tells its text in its error; whoever runs the worker is told of it.
    let mut names = dotenvy::from_path_iter(&path).ok()?.flatten().map(|(name, _)| name).peekable();
    let lines = std::fs::read_to_string(&path).ok()?;
    let mut shown: Vec<String> = Vec::new();
    for line in lines.lines() {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let is_next = |next: &String| line.strip_prefix(next.as_str()).is_some_and(|rest| rest.trim_start().starts_with('='));
        shown.push(names.next_if(is_next).unwrap_or_default());
    }
    // What is written in a way of its own comes at the end.
    shown.extend(names);
    Some(sources.add(name.to_owned(), path, shown.join("\n")))
}
