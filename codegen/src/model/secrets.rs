//! The names of secrets that a developer keeps beside the manifest, where it requires none itself. Their values are
//! read over and never kept.
//!
//! <https://developers.cloudflare.com/workers/configuration/secrets/#local-development-with-secrets>

use std::collections::BTreeSet;
use std::path::Path;

use crate::source::{FileId, Sources, Span, Spanned};

/// The names in `.dev.vars.<environment>` or `.dev.vars`, the first that is there; else in `.env` and its kin.
pub(super) fn names(
    sources: &mut Sources,
    root: &Path,
    environment: Option<&str>,
) -> Vec<Spanned<String>> {
    let of = |name: &str| environment.map(|environment| format!("{name}.{environment}"));
    let mut first = of(".dev.vars").into_iter().chain([".dev.vars".to_owned()]);
    let mut read = |name: String| sources.read_names(root, name);
    let files: Vec<FileId> = match first.find_map(&mut read) {
        Some(file) => vec![file],
        None => {
            let local = of(".env").map(|name| format!("{name}.local"));
            let names = [".env".to_owned(), ".env.local".to_owned()]
                .into_iter()
                .chain(of(".env"))
                .chain(local);
            names.filter_map(read).collect()
        }
    };
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for file in files {
        let text = &sources.file(file).text;
        let mut start = 0;
        for line in text.split('\n') {
            if !line.is_empty() && known.insert(line.to_owned()) {
                found.push(Spanned {
                    value: line.to_owned(),
                    span: Span {
                        file,
                        start,
                        end: start + line.len(),
                    },
                });
            }
            start += line.len() + 1;
        }
    }
    found
}
