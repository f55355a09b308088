//! `cargo bindery test`: the tests of a worker, natively or on workerd.
//!
//! On workerd, `cargo test` compiles the tests to Wasm, `wasm-bindgen` makes a module of them, and
//! `runner.mjs` runs each test in Miniflare with the bindings of the manifest.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use bindery_codegen::Compilation;
use bindery_sqlite::{migrations, token};
use clap::Args;
use serde_json::{Value, json};

use crate::output::{eprint, print_errors};
use crate::project::{self, ProjectArguments};

const TARGET: &str = "wasm32-unknown-unknown";

/// The program that runs the tests.
const RUNNER: &str = include_str!("runner.mjs");

/// Run the tests of a worker natively, or on workerd
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Run the functions with `#[bindery::test]` on workerd, through Miniflare
    ///
    /// It needs Node, wrangler in `node_modules`, and `wasm-bindgen` in the version of the
    /// project.
    #[arg(long)]
    workerd: bool,

    /// Run only the tests whose names contain this text
    #[arg(value_name = "FILTER", default_value = "")]
    filter: String,

    #[command(flatten)]
    project: ProjectArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let compilation = arguments.project.compile()?;
    if !compilation.errors.is_empty() {
        print_errors(&compilation.errors.render(&compilation.sources));
        return Ok(ExitCode::FAILURE);
    }
    let package = project::package(&compilation.manifest);
    if !arguments.workerd {
        let mut cargo = cargo(&package, &["test", "--quiet"]);
        return status(cargo.arg(&arguments.filter));
    }

    let mut failed = false;
    for test in build(&package)? {
        let folder = module(&test)?;
        fs::write(folder.join("runner.mjs"), RUNNER).map_err(|error| cannot_write(&error))?;
        let plan = plan(&compilation, &package, &arguments.filter);
        let plan = fs::write(folder.join("plan.json"), plan.to_string());
        plan.map_err(|error| cannot_write(&error))?;

        let mut node = Command::new(std::env::var_os("BINDERY_NODE").unwrap_or("node".into()));
        let code = status(node.arg(folder.join("runner.mjs")))?;
        failed |= code != ExitCode::SUCCESS;
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// A `cargo` command in the folder of a package.
fn cargo(package: &Path, arguments: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(arguments).current_dir(package);
    cargo
}

/// Compiles the tests to Wasm, and returns the path of each module.
fn build(package: &Path) -> Result<Vec<PathBuf>, String> {
    let format = "--message-format=json-render-diagnostics";
    let arguments = ["test", "--no-run", "--lib", "--target", TARGET, format];
    let mut cargo = cargo(package, &arguments);
    for name in integration_tests(package) {
        cargo.arg("--test").arg(name);
    }
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "the tests cannot be compiled for {TARGET}\nhelp: if the target is missing, run \
             `rustup target add {TARGET}`; put dev-dependencies that are only native under \
             `[target.'cfg(not(target_arch = \"wasm32\"))'.dev-dependencies]`"
        ));
    }

    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let executables = messages.filter_map(|message: Value| {
        let path = message.get("executable")?.as_str()?;
        Some(PathBuf::from(path))
    });
    Ok(executables.collect())
}

/// The names of the files in the folder `tests`.
fn integration_tests(package: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(package.join("tests")).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let rust = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.filter_map(|path| Some(path.file_stem()?.to_owned()))
        .collect()
}

/// Makes a JavaScript module of a Wasm module, and returns its folder.
fn module(test: &Path) -> Result<PathBuf, String> {
    let folder = test.with_extension("workerd");
    let _ = fs::remove_dir_all(&folder);
    let program = std::env::var_os("WASM_BINDGEN_BIN").unwrap_or("wasm-bindgen".into());
    let result = Command::new(program)
        .args([
            "--target",
            "web",
            "--no-typescript",
            "--out-name",
            "tests",
            "--out-dir",
        ])
        .args([&folder, test])
        .stderr(Stdio::piped())
        .output();

    let install = "install it with `cargo install wasm-bindgen-cli --version VERSION --locked`, \
                   where VERSION is that of `wasm-bindgen` in Cargo.lock; or name its path in \
                   WASM_BINDGEN_BIN";
    match result {
        Ok(output) if output.status.success() => Ok(folder),
        Ok(output) => {
            let _ = std::io::stderr().write_all(&output.stderr);
            Err(format!(
                "wasm-bindgen failed\nhelp: if its version is another one, {install}"
            ))
        }
        Err(error) => Err(format!(
            "wasm-bindgen cannot be run: {error}\nhelp: {install}"
        )),
    }
}

/// What the runner needs to know about the project.
fn plan(compilation: &Compilation, package: &Path, filter: &str) -> Value {
    let text = |file| &compilation.sources.file(file).text;
    let bindings = compilation
        .project
        .iter()
        .flat_map(|project| &project.bindings);
    let databases = bindings.filter_map(|bound| {
        let database = bound.database.as_ref()?;
        let baseline = database.baseline.as_ref().map(|path| {
            let folder = compilation.manifest.parent().unwrap_or(Path::new("."));
            fs::read_to_string(folder.join(path)).unwrap_or_default()
        });
        let baseline = baseline.unwrap_or_default();
        let ranges = token::statements(&baseline).into_iter();
        let statements = ranges.map(|range| &baseline[range]);
        let statements = statements.filter(|sql| !migrations::is_session_statement(sql));
        let migrations = database.catalog.migrations.iter();
        let migrations = migrations.map(|migration| text(migration.file).as_str());
        let sql: Vec<&str> = statements.chain(migrations).collect();
        let of_each = bound
            .sources()
            .map(|name| json!({ "binding": name, "sql": sql }));
        Some(of_each.collect::<Vec<_>>())
    });

    let mut modules = vec![package.to_owned()];
    modules.extend(std::env::var_os("BINDERY_NODE_MODULES").map(PathBuf::from));
    json!({
        "manifest": compilation.manifest,
        "environment": compilation.environment,
        "databases": databases.flatten().collect::<Vec<_>>(),
        "modules": modules,
        "filter": filter,
    })
}

/// Runs a command and returns its exit code.
fn status(command: &mut Command) -> Result<ExitCode, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    if status.code().is_none() {
        eprint(&format!("`{program}` ended with {status}"));
    }
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn cannot_write(error: &std::io::Error) -> String {
    format!("the plan of the tests cannot be written: {error}")
}
