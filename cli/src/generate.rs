//! `cargo bindery generate` and `cargo bindery expand`: what the macro makes, as formatted Rust.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ArgMatches;

use crate::{print, project, tell};

pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    let output = matches
        .get_one::<PathBuf>("output")
        .ok_or("the file is not named")?;
    match rust(matches, Some(output))? {
        Ok(text) => {
            let text = format!(
                "// Made by `cargo bindery generate` from the manifest; an edit here would be lost.\n\n{text}"
            );
            project::write(output, &text, matches.get_flag("check"))
        }
        Err(code) => Ok(code),
    }
}

pub(crate) fn expand(matches: &ArgMatches) -> Result<ExitCode, String> {
    match rust(matches, None)? {
        Ok(text) => print(&text).map(|()| ExitCode::SUCCESS),
        Err(code) => Ok(code),
    }
}

/// `Env` as Rust, for the crate that `output` is a part of, or that of the manifest. BuildError were told.
fn rust(matches: &ArgMatches, output: Option<&Path>) -> Result<Result<String, ExitCode>, String> {
    let compiled = project::compiled(matches)?;
    let package = project::package(output.unwrap_or(&compiled.manifest));
    let tokens = match compiled.emit(&package) {
        Ok(tokens) => tokens,
        Err(mistakes) => {
            tell(&mistakes);
            return Ok(Err(ExitCode::FAILURE));
        }
    };
    let file = syn::parse2(tokens).map_err(|error| {
        format!("what was made is no Rust, which is a mistake of bindery's: {error}")
    })?;
    Ok(Ok(prettyplease::unparse(&file)))
}
