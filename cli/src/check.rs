//! `cargo bindery check`

use std::process::ExitCode;

use bindery_codegen::report::{self, Severity};
use bindery_codegen::{Errors, Sources, compile};
use clap::ArgMatches;

use crate::{print, project, wants_json};

pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    let path = project::manifest(matches)?;
    let mut errors = Errors::default();
    let mut sources = Sources::default();
    let project = compile(&mut errors, &mut sources, &path, None);
    let queries: usize = project
        .iter()
        .flat_map(|project| &project.bindings)
        .filter_map(|bound| bound.database.as_ref())
        .map(|database| database.methods.len())
        .sum();
    let sorted = errors.sorted();
    for diagnostic in &sorted {
        if wants_json(matches) {
            print(&project::diagnostic(diagnostic, &sources).to_string())?;
        } else {
            print(&format!("{}\n", report::render(diagnostic, &sources)))?;
        }
    }
    let warnings = sorted.iter().filter(|diagnostic| diagnostic.severity == Severity::Warning).count();
    if !wants_json(matches) {
        let count = |count: usize, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
        let queries = count(queries, "query", "queries");
        print(&format!("{queries}, {}, {}", count(errors.count(), "error", "errors"), count(warnings, "warning", "warnings")))?;
    }
    let denied = matches.get_flag("deny-warnings") && warnings > 0;
    Ok(if errors.is_empty() && !denied { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
