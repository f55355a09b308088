//! `cargo bindery`: the compiler of bindery on the command line.

mod check;
mod describe;
mod docs;
mod generate;
mod project;
mod types;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

fn main() -> ExitCode {
    // Cargo calls `cargo-bindery bindery ...`.
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "bindery") {
        arguments.remove(1);
    }
    let matches = command().get_matches_from(arguments);
    let outcome = match matches.subcommand() {
        Some(("describe", matches)) => describe::run(matches),
        Some(("check", matches)) => check::run(matches),
        Some(("docs", matches)) => docs::run(matches),
        Some(("expand", matches)) => generate::expand(matches),
        Some(("generate", matches)) => generate::run(matches),
        Some(("types", matches)) => types::run(matches),
        _ => Ok(ExitCode::from(2)),
    };
    outcome.unwrap_or_else(|message| {
        // The last resort; a closed standard error has nobody to tell.
        let _closed = writeln!(std::io::stderr(), "error: {message}");
        ExitCode::from(2)
    })
}

fn command() -> Command {
    Command::new("cargo bindery")
        .bin_name("cargo bindery")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The compiler of bindery on the command line")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("check")
                .about("Check a project's manifest, migrations and queries, and warn of slow plans")
                .args(project_arguments())
                .arg(format())
                .arg(
                    Arg::new("deny-warnings")
                        .long("deny-warnings")
                        .action(ArgAction::SetTrue)
                        .help("End with a failure when there is a warning"),
                )
                .after_help("Without a manifest at or above this folder, every one below it is checked."),
        )
        .subcommand(
            Command::new("generate")
                .about("Write `Env` to a file of Rust, formatted: what the macro makes")
                .arg(output("The file to write, a module of the crate").required(true))
                .args(project_arguments())
                .arg(only_check()),
        )
        .subcommand(Command::new("expand").about("Print what the macro makes of a project, formatted").args(project_arguments()))
        .subcommand(
            Command::new("types")
                .about("Write a TypeScript `Env` for a project with two languages, as `wrangler types` does")
                .arg(output("The file to write; standard output when it is not named"))
                .args(project_arguments())
                .arg(only_check()),
        )
        .subcommand(
            Command::new("docs")
                .about("Write a reference of a project: a page of HTML that needs no network, and Markdown")
                .arg(output("The folder to write to; `target/bindery-docs` of the project when it is not named"))
                .args(project_arguments()),
        )
        .subcommand(
            Command::new("describe")
                .about("Tell the columns, parameters and plan of SQL statements, over any SQLite schema")
                .after_help("A statement that is refused has its diagnostics and is no failure; only what cannot be read is.")
                .arg(
                    Arg::new("files")
                        .value_name("FILE")
                        .num_args(0..)
                        .value_parser(value_parser!(PathBuf))
                        .help("Files of SQL; standard input when there is none"),
                )
                .arg(
                    Arg::new("input")
                        .long("input")
                        .value_name("KIND")
                        .value_parser(["sql", "json"])
                        .default_value("sql")
                        .help("What the input is: statements, or a JSON array of texts of one statement each"),
                )
                .arg(format())
                .arg(
                    Arg::new("migrations")
                        .long("migrations")
                        .value_name("DIR")
                        .value_parser(value_parser!(PathBuf))
                        .help("Make the schema from the migrations of a folder, instead of a manifest's"),
                )
                .arg(
                    Arg::new("schema")
                        .long("schema")
                        .value_name("FILE")
                        .value_parser(value_parser!(PathBuf))
                        .help("Make the schema from a file; migrations come on top of it"),
                )
                .args(project_arguments())
                .arg(
                    Arg::new("database")
                        .long("database")
                        .value_name("BINDING")
                        .help("The database of the manifest, when it has several"),
                ),
        )
}

/// Which project, and which of its environments.
fn project_arguments() -> [Arg; 2] {
    [
        Arg::new("manifest")
            .long("manifest")
            .value_name("PATH")
            .value_parser(value_parser!(PathBuf))
            .help("The wrangler file; by default the nearest one at or above the current folder"),
        Arg::new("environment")
            .long("environment")
            .short('e')
            .value_name("NAME")
            .help("One environment of the manifest, instead of all of them in one"),
    ]
}

fn output(help: &'static str) -> Arg {
    Arg::new("output")
        .value_name("PATH")
        .value_parser(value_parser!(PathBuf))
        .help(help)
}

fn only_check() -> Arg {
    Arg::new("check")
        .long("check")
        .action(ArgAction::SetTrue)
        .help("Write nothing, and end with a failure when the file is not what would be written")
}

fn format() -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(["text", "json"])
        .default_value("text")
        .help("How to print: for people, or one JSON object a line")
}

/// Whether JSON was asked for.
fn wants_json(matches: &ArgMatches) -> bool {
    matches
        .get_one::<String>("format")
        .is_some_and(|format| format == "json")
}

/// Tells mistakes where an output that is piped does not take them.
fn tell(mistakes: &[String]) {
    for mistake in mistakes {
        // A closed standard error has nobody to tell.
        let _closed = writeln!(std::io::stderr(), "{mistake}\n");
    }
}

/// Prints a line; who closed the pipe has read enough.
fn print(line: &str) -> Result<(), String> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write: {error}"))
        }
        _ => Ok(()),
    }
}
