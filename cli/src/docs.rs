use clap::ArgMatches;
use std::process::ExitCode;
pub(crate) fn run(_: &ArgMatches) -> Result<ExitCode, String> {
    Err(String::new())
}
