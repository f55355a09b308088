//! The warnings of `cargo bindery check`: all of them in a section, and those of each query below
//! it.

use bindery_codegen::Compilation;
use bindery_codegen::model::Method;
use bindery_codegen::report::{Diagnostic, Severity};

use super::page::{Block, Section, code};
use crate::output;

/// The table of all warnings. `None` if there are none.
pub(super) fn section(compilation: &Compilation) -> Option<Section> {
    let warnings = warnings(compilation);
    let rows = warnings.map(|warning| {
        vec![
            code(warning.code.id()),
            location(compilation, warning),
            warning.message.clone(),
            help(compilation, warning),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return None;
    }

    let mut section = Section::new("warnings", "Warnings");
    section.table(&["code", "location", "warning", "help"], rows);
    Some(section)
}

/// The warnings of a query.
pub(super) fn of_query(compilation: &Compilation, method: &Method) -> Vec<Block> {
    let warnings = warnings(compilation).filter(|warning| is_in(compilation, warning, method));
    let blocks = warnings.map(|warning| {
        let help = help(compilation, warning);
        Block::Warning(format!("{}: {help}", warning.message))
    });
    blocks.collect()
}

/// The help on one line.
fn help(compilation: &Compilation, warning: &Diagnostic) -> String {
    let help = warning.help_text(&compilation.sources).unwrap_or_default();
    help.replace('\n', " ")
}

fn warnings(compilation: &Compilation) -> impl Iterator<Item = &Diagnostic> {
    let diagnostics = compilation.errors.sorted().into_iter();
    diagnostics.filter(|diagnostic| diagnostic.severity == Severity::Warning)
}

/// Whether the warning is about the text of the query.
fn is_in(compilation: &Compilation, warning: &Diagnostic, method: &Method) -> bool {
    let Some(span) = warning.span else {
        return false;
    };
    let file = compilation.sources.file(span.file);
    let Some(start) = file.text.find(&method.written) else {
        return false;
    };
    let end = start + method.written.len();
    file.name == method.file && (start..end).contains(&span.start)
}

/// The file and line of a warning. Empty if it has no location.
fn location(compilation: &Compilation, warning: &Diagnostic) -> String {
    let json = output::to_json(warning, &compilation.sources);
    match json["file"].as_str() {
        Some(file) if !file.is_empty() => code(&format!("{file}:{}", json["line"])),
        _ => String::new(),
    }
}
