//! `cargo bindery types`: a TypeScript `Env`.

use std::path::PathBuf;
use std::process::ExitCode;

use bindery_codegen::emit::typescript;
use clap::ArgMatches;

use crate::{print, project, tell};

pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    let compiled = project::compiled(matches)?;
    let Some(project) = compiled
        .project
        .as_ref()
        .filter(|_| compiled.errors.is_empty())
    else {
        tell(&compiled.errors.render(&compiled.sources));
        return Ok(ExitCode::FAILURE);
    };
    let text = typescript::environment(project);
    match matches.get_one::<PathBuf>("output") {
        Some(output) => project::write(output, &text, matches.get_flag("check")),
        None => print(text.trim_end()).map(|()| ExitCode::SUCCESS),
    }
}
