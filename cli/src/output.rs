//! The output of the commands.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use bindery_codegen::Sources;
use bindery_codegen::report::Diagnostic;
use clap::ValueEnum;
use serde_json::{Value, json};

/// The output format of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people
    Text,
    /// One JSON object per line
    Json,
}

/// Prints a line to standard output. A closed pipe is not an error.
pub(crate) fn print(line: &str) -> Result<(), String> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Prints a line to standard error. If that fails there is nowhere to report it.
pub(crate) fn eprint(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints errors to standard error, because standard output may be piped.
pub(crate) fn print_errors(errors: &[String]) {
    for error in errors {
        eprint(&format!("{error}\n"));
    }
}

/// Writes a file. With `check` it only compares the file with what it would write.
pub(crate) fn write(path: &Path, text: &str, check: bool) -> Result<ExitCode, String> {
    let current = fs::read_to_string(path).ok();
    if current.as_deref() == Some(text) {
        return Ok(ExitCode::SUCCESS);
    }

    let shown = path.display();
    if check {
        let state = if current.is_some() {
            "is out of date"
        } else {
            "does not exist"
        };
        print(&format!(
            "`{shown}` {state}: run the same command without `--check`"
        ))?;
        return Ok(ExitCode::FAILURE);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("cannot write `{shown}`: {error}"))?;
    print(&format!("wrote {shown}"))?;
    Ok(ExitCode::SUCCESS)
}

/// A diagnostic as a JSON object.
pub(crate) fn to_json(diagnostic: &Diagnostic, sources: &Sources) -> Value {
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
        "code": diagnostic.code.id(),
        "message": diagnostic.message,
        "file": place.as_ref().map(|(file, ..)| &file.name),
        "path": place.as_ref().map(|(file, ..)| file.path.display().to_string()),
        "line": place.as_ref().map(|(_, line, _)| line),
        "column": place.as_ref().map(|(.., column)| column),
        "label": diagnostic.label,
        "help": diagnostic.help_text(sources),
    })
}
