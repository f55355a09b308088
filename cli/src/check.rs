//! `cargo bindery check`

use std::path::Path;
use std::process::ExitCode;

use bindery_codegen::report::{self, Severity};
use bindery_codegen::{Compilation, calls};
use clap::Args;

use crate::local_state::check_migrations;
use crate::output::{Format, print, to_json};
use crate::project::{ProjectArguments, package};

/// Check the manifest, migrations and queries of a project, and warn of slow plans
///
/// Without a manifest in this folder or above it, every project below it is checked.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,

    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Fail if there is a warning
    #[arg(long)]
    deny_warnings: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let manifests = arguments.project.manifests()?;
    let mut succeeded = true;
    for manifest in &manifests {
        if manifests.len() > 1 && arguments.format == Format::Text {
            let current = std::env::current_dir().unwrap_or_default();
            let shown = manifest.strip_prefix(current).unwrap_or(manifest);
            print(&format!("{}:\n", shown.display()))?;
        }
        succeeded &= check(arguments, manifest)?;
    }
    Ok(if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Checks one project. Returns whether it has neither errors nor denied warnings.
fn check(arguments: &Arguments, manifest: &Path) -> Result<bool, String> {
    let mut compilation = arguments.project.compile_manifest(manifest);
    check_migrations(&mut compilation);
    check_calls(&mut compilation);
    let Compilation {
        errors, sources, ..
    } = &compilation;
    let diagnostics = errors.sorted();
    for diagnostic in &diagnostics {
        match arguments.format {
            Format::Json => print(&to_json(diagnostic, sources).to_string())?,
            Format::Text => print(&format!("{}\n", report::render(diagnostic, sources)))?,
        }
    }

    let is_warning = |severity: Severity| severity == Severity::Warning;
    let warnings = diagnostics
        .iter()
        .filter(|diagnostic| is_warning(diagnostic.severity))
        .count();
    if arguments.format == Format::Text {
        let queries = count(queries(&compilation), "query", "queries");
        let errors = count(errors.count(), "error", "errors");
        let warnings = count(warnings, "warning", "warnings");
        print(&format!("{queries}, {errors}, {warnings}"))?;
    }
    Ok(errors.is_empty() && !(arguments.deny_warnings && warnings > 0))
}

/// Warns of calls in the package that leave cached rows outdated.
fn check_calls(compilation: &mut Compilation) {
    let package = package(&compilation.manifest);
    let Compilation {
        errors,
        sources,
        project,
        ..
    } = compilation;
    if let Some(project) = project.as_ref().filter(|_| errors.is_empty()) {
        calls::check(errors, sources, project, &package);
    }
}

/// The number of queries without errors.
fn queries(compilation: &Compilation) -> usize {
    let bindings = compilation
        .project
        .iter()
        .flat_map(|project| &project.bindings);
    let databases = bindings.filter_map(|bound| bound.database.as_ref());
    databases.map(|database| database.methods.len()).sum()
}

fn count(count: usize, singular: &str, plural: &str) -> String {
    format!("{count} {}", if count == 1 { singular } else { plural })
}
