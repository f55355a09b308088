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

    /// The name of the interface
    #[arg(long, value_name = "NAME", default_value = typescript::INTERFACE)]
    env_interface: String,

    /// Write nothing, and fail if the file is out of date
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let interface = &arguments.env_interface;
    let is_valid = typescript::is_identifier(interface) && !interface.starts_with(['_', '$']);
    if !is_valid {
        return Err(format!(
            "`{interface}` is not the name of an interface\nhelp: it has letters, digits and `_`, \
             and starts with a letter"
        ));
    }

    let mut compilation = arguments.project.compile()?;
    if let Some(project) = &compilation.project {
        typescript::check(&mut compilation.errors, project);
    }
    let project = compilation.project.as_ref();
    let Some(project) = project.filter(|_| compilation.errors.is_empty()) else {
        print_errors(&compilation.errors.render(&compilation.sources));
        return Ok(ExitCode::FAILURE);
    };

    let text = typescript::environment(project, interface);
    match &arguments.output {
        Some(path) => output::write(path, &text, arguments.check),
        None => {
            print(text.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
