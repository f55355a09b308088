//! `cargo bindery check`

use std::path::Path;
use std::process::ExitCode;

use bindery_codegen::door::Compiled;
use bindery_codegen::report::{self, Severity};
use clap::ArgMatches;

use crate::{print, project, wants_json};

pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    let manifests = project::manifests(matches)?;
    let mut failed = false;
    for manifest in &manifests {
        if manifests.len() > 1 && !wants_json(matches) {
            let here = std::env::current_dir().unwrap_or_default();
            print(&format!(
                "{}:\n",
                manifest.strip_prefix(here).unwrap_or(manifest).display()
            ))?;
        }
        failed |= !one(matches, manifest)?;
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Checks one project, and says whether it is good.
fn one(matches: &ArgMatches, manifest: &Path) -> Result<bool, String> {
    let Compiled {
        errors,
        sources,
        project,
        ..
    } = Compiled::new(manifest, project::environment(matches));
    let databases = project
        .iter()
        .flat_map(|project| &project.bindings)
        .filter_map(|bound| bound.database.as_ref());
    let queries: usize = databases.map(|database| database.methods.len()).sum();
    let sorted = errors.sorted();
    for diagnostic in &sorted {
        if wants_json(matches) {
            print(&project::diagnostic(diagnostic, &sources).to_string())?;
        } else {
            print(&format!("{}\n", report::render(diagnostic, &sources)))?;
        }
    }
    let warnings = sorted
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Warning)
        .count();
    if !wants_json(matches) {
        let count = |count: usize, one: &str, more: &str| {
            format!("{count} {}", if count == 1 { one } else { more })
        };
        let queries = count(queries, "query", "queries");
        print(&format!(
            "{queries}, {}, {}",
            count(errors.count(), "error", "errors"),
            count(warnings, "warning", "warnings")
        ))?;
    }
    Ok(errors.is_empty() && !(matches.get_flag("deny-warnings") && warnings > 0))
}
