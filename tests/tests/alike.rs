//! The macro and the command line report the same errors: rustc prints each error of `cases/errors`
//! with the text of its snapshot. `cli/tests/commands.rs` compares `cargo bindery check` with the
//! same snapshots.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use bindery_codegen::source;
use serde_json::Value;

#[test]
fn macro_errors_equal_the_snapshots() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"))
        .canonicalize()
        .expect("the folder of the tests");
    let cases = tests.join("cases/errors");

    // One crate with a module per case, so that the compiler starts only once.
    let (mut modules, mut expected) = (String::new(), BTreeSet::new());
    for name in source::folders(&cases) {
        let folder = cases.join(&name);
        let manifest = source::discover(&folder).expect("a manifest");
        let manifest = manifest.display().to_string();
        let _ = writeln!(
            modules,
            "pub mod {name} {{ #[bindery::bindings({manifest:?})] pub struct Env; }}"
        );
        let snapshot = fs::read_to_string(folder.join("expected.snap")).expect("a snapshot");
        expected.extend(snapshot_errors(&snapshot));
    }

    let krate = Path::new(env!("CARGO_TARGET_TMPDIR")).join("alike");
    write_crate(&krate, &tests, &modules);
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--quiet", "--message-format=json"])
        .current_dir(&krate)
        .env("CARGO_TARGET_DIR", krate.join("target"))
        .env_remove("CARGO_MANIFEST_DIR")
        .output()
        .expect("cargo runs");

    let stdout = String::from_utf8_lossy(&output.stdout);
    let reported: BTreeSet<String> = stdout.lines().filter_map(macro_error).collect();
    assert!(
        expected.len() >= 50,
        "only {} errors were found: {}",
        expected.len(),
        String::from_utf8_lossy(&output.stderr)
    );

    let missing: Vec<&String> = expected.difference(&reported).collect();
    let unexpected: Vec<&String> = reported.difference(&expected).collect();
    assert!(
        missing.is_empty() && unexpected.is_empty(),
        "not reported by the macro: {missing:#?}\nreported only by the macro: {unexpected:#?}"
    );
}

fn write_crate(krate: &Path, tests: &Path, modules: &str) {
    fs::create_dir_all(krate.join("src")).expect("creates the folder");
    fs::write(krate.join("src/lib.rs"), modules).expect("writes the modules");

    let runtime = tests.join("../runtime").display().to_string();
    let manifest = format!(
        "[workspace]\n\n\
         [package]\nname = \"alike\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nbindery = {{ path = {runtime:?} }}\n"
    );
    fs::write(krate.join("Cargo.toml"), manifest).expect("writes the manifest");
    fs::copy(tests.join("../Cargo.lock"), krate.join("Cargo.lock")).expect("copies the lock file");
}

/// Returns the text of a message of cargo, if it is an error with a place in the source.
fn macro_error(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let message = &line["message"];
    if message["level"] != "error" || message["spans"] == Value::Array(Vec::new()) {
        return None;
    }
    let text = message["message"].as_str()?;
    Some(text.trim_end().to_owned())
}

/// Returns the errors of a snapshot, without the word `error`, which rustc adds itself.
fn snapshot_errors(snapshot: &str) -> Vec<String> {
    let mut found: Vec<Option<String>> = Vec::new();
    let text = snapshot.splitn(3, "---\n").nth(2).unwrap_or_default();
    for line in text.lines() {
        let is_indented =
            line.starts_with([' ', '.']) || line.starts_with(|c: char| c.is_ascii_digit());
        match line.strip_prefix("error") {
            Some(rest) if rest.starts_with("[B") => found.push(Some(format!("{rest}\n"))),
            // A warning, or the text that follows the diagnostics, ends an error.
            _ if line.starts_with("warning[") || !(line.is_empty() || is_indented) => {
                found.push(None);
            }
            _ => {
                if let Some(Some(text)) = found.last_mut() {
                    let _ = writeln!(text, "{line}");
                }
            }
        }
    }

    found
        .into_iter()
        .flatten()
        .map(|text| text.trim_end().to_owned())
        .collect()
}
