//! `cargo bindery types`: a TypeScript `Env`.

use std::path::PathBuf;
use std::process::ExitCode;

use bindery_codegen::emit::typescript;
use clap::Args;

use crate::output::{self, print, print_errors};
use crate::project::ProjectArguments;

/// Write a TypeScript `Env`, as `wrangler types` does, for a project in two languages
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file to write [default: standard output]
    #[arg(value_name = "PATH")]
    output: Option<PathBuf>,

    #[command(flatten)]
    project: ProjectArguments,

    /// Write nothing, and fail if the file is out of date
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let compilation = arguments.project.compile()?;
    let project = compilation
        .project
        .as_ref()
        .filter(|_| compilation.errors.is_empty());
    let Some(project) = project else {
        print_errors(&compilation.errors.render(&compilation.sources));
        return Ok(ExitCode::FAILURE);
    };

    let text = typescript::environment(project);
    match &arguments.output {
        Some(path) => output::write(path, &text, arguments.check),
        None => {
            print(text.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
