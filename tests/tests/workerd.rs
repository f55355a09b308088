//! The suites that need Node, workerd and Chromium: the conformance suite on workerd, a worker
//! without the types of `http`, one with every observer and the example on both backends, and its
//! page in a browser.
//!
//! `tests/run` installs these tools and sets the variables with their paths. Without them the
//! suites are skipped with a message; with `BINDERY_REQUIRE_ALL` set, they fail.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The crates that are built to Wasm.
const WORKERS: [&str; 4] = [
    "tests/conformance",
    "tests/minimal",
    "tests/observers",
    "examples/files",
];
/// The suites. Those that find most errors come first.
const SUITES: [&str; 6] = [
    "conformance",
    "minimal",
    "observers",
    "files",
    "chaos",
    "page",
];

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (Some(node), Some(worker_build)) = (tool("BINDERY_NODE"), tool("BINDERY_WORKER_BUILD"))
    else {
        print(
            "SKIPPED: the suites on workerd and in a browser (they need Node and Wasm: run `tests/run`)",
        );
        return if std::env::var_os("BINDERY_REQUIRE_ALL").is_some() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        };
    };

    let mut passed = run(Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "files",
            "--package",
            "minimal",
            "--package",
            "observers",
        ])
        .current_dir(&root));
    for worker in WORKERS {
        passed &= build_worker(&worker_build, &root.join(worker));
    }

    if passed {
        for suite in SUITES {
            let script = root.join("tests/e2e").join(format!("{suite}.mjs"));
            let mut command = Command::new(&node);
            passed &= run(command.arg(script).env_remove("CARGO_MANIFEST_DIR"));
        }
    }
    passed &= run_tests_on_workerd(&root);
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs the tests of a worker with `cargo bindery test --workerd`.
fn run_tests_on_workerd(root: &Path) -> bool {
    let build = ["build", "--quiet", "--package", "cargo-bindery"];
    let built = run(Command::new(env!("CARGO")).args(build).current_dir(root));
    let program = root.join("target/debug/cargo-bindery");
    built
        && run(Command::new(program)
            .args(["test", "--workerd"])
            .current_dir(root.join("tests/both"))
            .env("CARGO", env!("CARGO"))
            .env_remove("CARGO_MANIFEST_DIR"))
}

fn tool(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

fn build_worker(worker_build: &Path, folder: &Path) -> bool {
    let mut build = Command::new(worker_build);
    build
        .args(["--dev", "--no-opt"])
        .current_dir(folder)
        .env("RUST_BACKTRACE", "0");
    let toolchain = std::env::var_os("BINDERY_WASM_TOOLCHAIN");
    if let Some(toolchain) = toolchain.filter(|toolchain| !toolchain.is_empty()) {
        build.env("RUSTUP_TOOLCHAIN", toolchain);
    }

    // The variable of the outer cargo would make this build differ from a user's.
    build.env_remove("CARGO_MANIFEST_DIR");
    run(&mut build)
}

/// Runs a command. Returns whether it succeeded.
fn run(command: &mut Command) -> bool {
    match command.status() {
        Ok(status) if status.success() => true,
        Ok(status) => {
            print(&format!("FAILED: {command:?} ended with {status}"));
            false
        }
        Err(error) => {
            print(&format!("FAILED: {command:?} cannot be run: {error}"));
            false
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "a test program reports on standard output"
)]
fn print(line: &str) {
    println!("{line}");
}
