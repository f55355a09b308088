//! The suites that need Node, workerd and Chromium: the conformance suite on workerd, the example in
//! both worlds, its page in a browser.
//!
//! `tests/run` installs what they need and says where it is. Without that they are skipped, aloud; with
//! `BINDERY_REQUIRE_ALL` set, skipping is a failure.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The crates that are built to Wasm.
const WORKERS: [&str; 2] = ["tests/conformance", "examples/files"];
/// The suites, in the order in which a mistake is found soonest.
const SUITES: [&str; 3] = ["conformance", "files", "page"];

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (Some(node), Some(worker_build)) = (tool("BINDERY_NODE"), tool("BINDERY_WORKER_BUILD"))
    else {
        say(
            "SKIPPED: the suites on workerd and in a browser (they need Node and Wasm: run `tests/run`)",
        );
        return if std::env::var_os("BINDERY_REQUIRE_ALL").is_some() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        };
    };
    let mut good = run(Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "files"])
        .current_dir(&root));
    for worker in WORKERS {
        let mut build = Command::new(&worker_build);
        build
            .args(["--dev", "--no-opt"])
            .current_dir(root.join(worker))
            .env("RUST_BACKTRACE", "0");
        match std::env::var_os("BINDERY_WASM_TOOLCHAIN").filter(|toolchain| !toolchain.is_empty()) {
            Some(toolchain) => build.env("RUSTUP_TOOLCHAIN", toolchain),
            None => &mut build,
        };
        // Cargo's own variables would make the inner build another one than a user's.
        build.env_remove("CARGO_MANIFEST_DIR");
        good &= run(&mut build);
    }
    if good {
        for suite in SUITES {
            good &= run(Command::new(&node)
                .arg(root.join("tests/e2e").join(format!("{suite}.mjs")))
                .env_remove("CARGO_MANIFEST_DIR"));
        }
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn tool(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

fn run(command: &mut Command) -> bool {
    match command.status() {
        Ok(status) if status.success() => true,
        Ok(status) => {
            say(&format!("FAILED: {command:?} ended with {status}"));
            false
        }
        Err(error) => {
            say(&format!("FAILED: {command:?} cannot be run: {error}"));
            false
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "a test program reports on standard output"
)]
fn say(line: &str) {
    println!("{line}");
}
