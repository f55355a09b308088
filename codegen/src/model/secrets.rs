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
        for line in text.lines() {
            if known.insert(line.to_owned()) {
                found.push(Spanned { value: line.to_owned(), span: Span { file, start, end: start + line.len() } });
            }
            start += line.len() + 1;
        }
    }
    found
}

/// A file of `NAME=value`, as its names alone: a value can then stand in no message.
fn read(sources: &mut Sources, root: &Path, name: &str) -> Option<FileId> {
    let path = root.join(name);
    let items = dotenvy::from_path_iter(&path).ok()?;
    // A line that is none tells its text in its error; whoever runs the worker is told of it.
    let names: Vec<String> = items.flatten().map(|(name, _)| name).collect();
    Some(sources.add(name.to_owned(), path, names.join("\n")))
}
