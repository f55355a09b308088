//! `cargo bindery docs`: writes the reference of a project, as an HTML page and as Markdown.

mod bindings;
mod databases;
mod diagram;
mod handlers;
mod html;
mod markdown;
mod page;
mod queries;
mod tables;
mod variables;
mod warnings;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bindery_codegen::Compilation;
use bindery_codegen::manifest::Environment;
use bindery_codegen::model::Project;
use clap::Args;

use crate::output::{self, print_errors};
use crate::project::{self, ProjectArguments};
use page::{Section, code};

/// Write the reference of a project: a self-contained HTML page, and Markdown
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder to write to [default: `target/bindery-docs` of the project]
    #[arg(value_name = "PATH")]
    output: Option<PathBuf>,

    #[command(flatten)]
    project: ProjectArguments,
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

    let sections = reference(&compilation, project)?;
    let title = project.manifest.name.as_deref().unwrap_or("worker");
    let default = || project::package(&compilation.manifest).join("target/bindery-docs");
    let folder = arguments.output.clone().unwrap_or_else(default);

    write(&folder, "index.html", &html::render(title, &sections))?;
    write(&folder, "reference.md", &markdown::render(title, &sections))?;
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<ExitCode, String> {
    output::write(&folder.join(name), text, false)
}

/// The sections of the reference.
fn reference(compilation: &Compilation, project: &Project) -> Result<Vec<Section>, String> {
    let handlers = handlers::find(&project::package(&compilation.manifest));

    let mut sections = vec![bindings::section(project)];
    sections.extend(variables::section(project));
    sections.extend(handlers::section(project, handlers.as_ref()));
    for bound in &project.bindings {
        if let Some(database) = &bound.database {
            sections.push(databases::section(compilation, bound, database)?);
        }
    }
    sections.extend(warnings::section(compilation));
    Ok(sections)
}

/// The name of an environment. The top level does not have one in the manifest.
fn environment_name(environment: &Environment) -> String {
    environment
        .name
        .as_ref()
        .map_or_else(|| "top level".to_owned(), |name| name.value.clone())
}

/// The value of each environment that has one. If the manifest has several environments, each value
/// is preceded by the name of its environment.
fn by_environment<'a>(
    project: &'a Project,
    values: impl Fn(&'a Environment) -> Vec<(&'a str, String)>,
) -> HashMap<&'a str, String> {
    let environments = &project.manifest.environments;
    let mut by_name: HashMap<&str, Vec<String>> = HashMap::new();
    for environment in environments {
        let place = match environments.len() {
            1 => String::new(),
            _ => format!("{}: ", environment_name(environment)),
        };
        for (name, value) in values(environment) {
            let values = by_name.entry(name).or_default();
            values.push(format!("{place}{value}"));
        }
    }

    let joined = by_name.into_iter();
    joined
        .map(|(name, values)| (name, values.join("; ")))
        .collect()
}

/// A field of `Env` as code, marked if it is an `Option`.
fn field(path: &str, optional: bool) -> String {
    let optional = if optional { ", an `Option`" } else { "" };
    format!("{}{optional}", code(path))
}

/// An answer in a table.
fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}
