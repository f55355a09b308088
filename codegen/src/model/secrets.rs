//! The names of secrets in the developer's local files, for a manifest that does not list them.
//!
//! Only names are read; the values are never stored.
//!
//! <https://developers.cloudflare.com/workers/configuration/secrets/#local-development-with-secrets>

use std::collections::BTreeSet;
use std::path::Path;

use crate::source::{FileId, Sources, Span, Spanned};

/// Reads the names of the secrets, as wrangler does.
///
/// The first of `.dev.vars.<environment>` and `.dev.vars` that exists is the only source. If there
/// is neither, all of `.env` and its variants are read.
pub(super) fn names(
    sources: &mut Sources,
    root: &Path,
    environment: Option<&str>,
) -> Vec<Spanned<String>> {
    let files = files(sources, root, environment);

    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for file in files {
        let mut start = 0;
        for line in sources.file(file).text.split('\n') {
            let end = start + line.len();
            if !line.is_empty() && known.insert(line.to_owned()) {
                found.push(Spanned {
                    value: line.to_owned(),
                    span: Span { file, start, end },
                });
            }
            start = end + 1;
        }
    }
    found
}

fn files(sources: &mut Sources, root: &Path, environment: Option<&str>) -> Vec<FileId> {
    let of_environment =
        |name: &str| environment.map(|environment| format!("{name}.{environment}"));
    let mut read = |name: String| sources.read_names(root, name);

    let mut dev_vars = of_environment(".dev.vars")
        .into_iter()
        .chain([".dev.vars".to_owned()]);
    if let Some(file) = dev_vars.find_map(&mut read) {
        return vec![file];
    }

    let env = of_environment(".env");
    let env_local = env.as_ref().map(|name| format!("{name}.local"));
    let names = [".env".to_owned(), ".env.local".to_owned()]
        .into_iter()
        .chain(env)
        .chain(env_local);
    names.filter_map(read).collect()
}
