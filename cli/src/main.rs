//! `cargo bindery`: the compiler of bindery on the command line.

mod check;
mod cors;
mod describe;
mod docs;
mod generate;
mod local_state;
mod output;
mod project;
mod test;
mod types;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The compiler of bindery on the command line
#[derive(Parser)]
#[command(name = "cargo bindery", bin_name = "cargo bindery", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Arguments),
    Cors(cors::Arguments),
    Generate(generate::Arguments),
    Expand(generate::ExpandArguments),
    Types(types::Arguments),
    Docs(docs::Arguments),
    Describe(describe::Arguments),
    Test(test::Arguments),
}

fn main() -> ExitCode {
    // Cargo runs `cargo-bindery bindery ...`.
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "bindery") {
        arguments.remove(1);
    }

    let result = match Arguments::parse_from(arguments).command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Cors(arguments) => cors::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Expand(arguments) => generate::expand(&arguments),
        Command::Types(arguments) => types::run(&arguments),
        Command::Docs(arguments) => docs::run(&arguments),
        Command::Describe(arguments) => describe::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
    };
    result.unwrap_or_else(|message| {
        output::eprint(&format!("error: {message}"));
        ExitCode::from(2)
    })
}
